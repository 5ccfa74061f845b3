"""An OTLP receiver over HTTP that keeps every span, in place of a collector.

SDKs send protobuf, Triton 24.10 sends JSON: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """A span with its ids in hexadecimal; `parent_id` is empty for the first span of a trace."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str]


@dataclass
class OtlpReceiver:
    """The spans received so far, and a way to wait for more."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def keep(self, spans: list[Span]) -> None:
        with self.changed:
            self.spans += spans
            self.changed.notify_all()

    def until(self, wanted: Callable[[list[Span]], list[Span]], *, timeout_s: float = 60) -> list[Span]:
        """Return the wanted spans as soon as there are any, or an empty list after `timeout_s` seconds."""
        with self.changed:
            self.changed.wait_for(lambda: wanted(self.spans), timeout=timeout_s)
            return wanted(self.spans)


@contextlib.contextmanager
def receiving() -> Iterator[OtlpReceiver]:
    """Receive spans for the duration of the block."""
    receiver = OtlpReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_json = self.headers["Content-Type"] == "application/json"
            receiver.keep(list(_of_json(body) if is_json else _of_protobuf(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep standard error free of a line for each request."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
        yield receiver
        server.shutdown()


def _of_json(body: bytes) -> Iterator[Span]:
    for resource in json.loads(body)["resourceSpans"]:
        service = _attributes(resource["resource"])["service.name"]
        for span in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
            ids = (span["traceId"], span["spanId"], span.get("parentSpanId", "").strip("0") and span["parentSpanId"])
            yield Span(service, span["name"], *ids, _attributes(span))


def _attributes(described: dict[str, Any]) -> dict[str, str]:
    return {each["key"]: str(next(iter(each["value"].values()), "")) for each in described.get("attributes", ())}


def _of_protobuf(body: bytes) -> Iterator[Span]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        (service,) = (each.value.string_value for each in resource.resource.attributes if each.key == "service.name")
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
            yield Span(service, span.name, *ids, {each.key: each.value.string_value for each in span.attributes})
