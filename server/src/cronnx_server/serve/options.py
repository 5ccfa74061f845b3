"""What a server is started with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cronnx_server.key import restricted_api_flags
from cronnx_server.serve.access import Key
from cronnx_server.serve.addresses import Addresses

# Models are loaded and unloaded by name. Triton's strict readiness would call the server not ready while a version is
# added, and for good after one that does not load: docs/healthcheck.md.
MODEL_CONTROL = ("--model-control-mode=explicit", "--strict-readiness=false")
DEFAULT_TRACE_RATE = 1000
DEFAULT_EXIT_TIMEOUT_S = 30
_EXIT_TIMEOUT = re.compile(r"--exit-timeout-secs[= ](\d+)")
# Quantiles of the last minute, each with the error of its rank: docs/metrics.md.
LATENCY_SUMMARIES = (
    "--metrics-config=summary_latencies=true",
    "--metrics-config=summary_quantiles=0.5:0.01,0.95:0.005,0.99:0.001",
)
# Triton keeps this many gRPC requests to use them again, with the memory of the largest that each has held.
GRPC_KEPT = "--grpc-infer-allocation-pool-size=0"


@dataclass(frozen=True)
class Tracing:
    """Traces of OpenTelemetry, sent as OTLP over HTTP.

    Attributes:
        url: The receiver's address, `/v1/traces` included.
        rate: One of this many requests is traced, and every request that carries the context of a trace.
    """

    url: str
    rate: int = DEFAULT_TRACE_RATE

    def flags(self) -> list[str]:
        """The flags of `tritonserver`, which takes the service's name from here and not from OTEL_SERVICE_NAME."""
        settings = (
            "mode=opentelemetry",
            "level=TIMESTAMPS",
            f"rate={self.rate}",
            f"opentelemetry,url={self.url}",
            "opentelemetry,resource=service.name=triton",
        )
        return [f"--trace-config={setting}" for setting in settings]


@dataclass(frozen=True)
class Options:
    """The options of `scripts/serve`.

    Attributes:
        addresses: Where the server listens.
        models: The ensembles or models to load; empty for all.
        repositories: Model repositories to serve; empty for the project's own, whose missing models are built first.
        profile: Which `configs/<profile>.pbtxt` to prefer; empty for none.
        cache_bytes: The size of the cache of each version of a network, in bytes; 0 for no cache.
        latency_quantiles: Whether the metrics have quantiles of latencies.
        tracing: Where traces go; None for no traces.
        watch: Whether a model is loaded again when its files change.
        json_log: Whether the log is JSON, one event a line.
        key: The key that is required to change the server; None if anyone may change it.
        playground_port: The port of the playground on loopback; None for no playground.
        server_flags: Further flags of `tritonserver`.
    """

    addresses: Addresses = field(default_factory=Addresses)
    models: Sequence[str] = ()
    repositories: Sequence[Path] = ()
    profile: str = ""
    cache_bytes: int = 0
    latency_quantiles: bool = True
    tracing: Tracing | None = None
    watch: bool = False
    json_log: bool = False
    key: Key | None = None
    playground_port: int | None = None
    server_flags: Sequence[str] = ()

    @property
    def is_verbose(self) -> bool:
        """Whether the flags ask for Triton's verbose log."""
        return any(flag.startswith("--log-verbose") for flag in self.server_flags)

    @property
    def exit_timeout_s(self) -> int:
        """How long the server waits for its requests when it stops."""
        return int((_EXIT_TIMEOUT.findall(" ".join(self.server_flags)) or [DEFAULT_EXIT_TIMEOUT_S])[-1])

    @property
    def playground_url(self) -> str | None:
        """The address of the playground; None without one."""
        return f"http://127.0.0.1:{self.playground_port}" if self.playground_port else None

    def flags(self) -> list[str]:
        """The flags of `tritonserver`, without the repositories, the models to load and `server_flags`."""
        return [
            *self.addresses.flags(),
            GRPC_KEPT,
            *([f"--model-config-name={self.profile}"] if self.profile else ()),
            *(LATENCY_SUMMARIES if self.latency_quantiles else ()),
            *(self.tracing.flags() if self.tracing else ()),
            *restricted_api_flags(self.key.text if self.key else ""),
        ]
