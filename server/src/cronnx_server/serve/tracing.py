"""Where a server sends its traces."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_RATE = 1000


@dataclass(frozen=True)
class Tracing:
    """OpenTelemetry's traces, sent as OTLP over HTTP.

    Attributes:
        url: the receiver's, `/v1/traces` included.
        rate: one of so many requests is traced, and besides each that brings the context of a trace.
    """

    url: str
    rate: int = DEFAULT_RATE

    def flags(self) -> list[str]:
        """As `tritonserver` takes them; the service has the name that OTEL_SERVICE_NAME would give any other."""
        settings = (
            "mode=opentelemetry",
            "level=TIMESTAMPS",
            f"rate={self.rate}",
            f"opentelemetry,url={self.url}",
            "opentelemetry,resource=service.name=triton",
        )
        return [f"--trace-config={setting}" for setting in settings]
