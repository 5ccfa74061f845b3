from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from cronnx import Client, NotReady, Retry
from tests.traced_program import tracing_to
from tests.unit.cronnx.conftest import Served
from tests.unit.cronnx.fake_transport import FakeTransport


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> Iterator[trace.Tracer]:
    with tracing_to(exporter) as tracer:
        yield tracer


@pytest.fixture
def spans(tracer: trace.Tracer, exporter: InMemorySpanExporter) -> InMemorySpanExporter:  # noqa: ARG001 - it is on
    return exporter


def attribute(span: ReadableSpan, name: str) -> object:
    assert span.attributes is not None
    return span.attributes[name]


def sent_context(served: Served) -> str | None:
    (headers,) = served.triton.headers
    return {name.lower(): value for name, value in headers.items()}.get("traceparent")


def test_a_call_is_a_span_whose_context_is_sent(served: Served, spans: InMemorySpanExporter) -> None:
    with Client(served.url) as client:
        client.classify(b"cat")
    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind) == ("infer efficientnet_lite0", SpanKind.CLIENT)
    assert span.context is not None
    sent = sent_context(served)
    assert sent is not None
    assert sent.startswith(f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-")


def test_a_span_is_below_that_of_the_thread_that_calls(
    transport: FakeTransport, tracer: trace.Tracer, spans: InMemorySpanExporter
) -> None:
    with Client(transport=transport) as client, tracer.start_as_current_span("request"):
        client.classify(b"cat")
        list(client.classify_many([b"dog"]))
    one, many, outer = spans.get_finished_spans()
    for span in (one, many):
        assert span.parent is not None
        assert span.parent.span_id == outer.get_span_context().span_id


def test_a_span_has_the_model_the_request_id_and_the_attempts(
    transport: FakeTransport, spans: InMemorySpanExporter
) -> None:
    with Client(transport=transport, retry=Retry(attempts=3, first_backoff_s=0)) as client:
        client.classify(b"cat")  # reads the model's configuration
        spans.clear()
        transport.failure = NotReady("still loading")
        with pytest.raises(NotReady):
            client.classify(b"cat", model_version="2")
    (span,) = spans.get_finished_spans()
    assert attribute(span, "triton.model_name") == "efficientnet_lite0"
    assert attribute(span, "triton.model_version") == "2"
    assert attribute(span, "triton.request_id") == transport.requests[-1].request_id
    assert attribute(span, "cronnx.attempts") == 3
    assert span.status.status_code is StatusCode.ERROR
    assert "still loading" in (span.status.description or "")


def test_an_unsampled_span_is_not_propagated(served: Served, spans: InMemorySpanExporter) -> None:
    unsampled = trace.SpanContext(trace_id=1, span_id=2, is_remote=True)
    token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(unsampled)))
    try:
        with Client(served.url) as client:
            client.classify(b"cat")
    finally:
        context.detach(token)
    assert sent_context(served) is None
    assert spans.get_finished_spans() == ()


def test_a_program_that_does_not_trace_itself_does_not_load_opentelemetry() -> None:
    source = """
import sys
from cronnx import Client
from tests.unit.cronnx.fake_transport import FakeTransport
with Client(transport=FakeTransport()) as client:
    client.classify(b"cat")
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
