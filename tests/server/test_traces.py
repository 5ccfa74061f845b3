"""A call of the client is one trace: the client's span, and below it a span of Triton for each step."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from cronnx import Client
from cronnx_server import environment
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, PICTURES, ROOT
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.options import Tracing
from tests.server.otlp_receiver import OtlpReceiver, Span, receiving
from tests.server.triton import running
from tests.traced_program import SERVICE, tracing_to

NAME = "efficientnet_lite0"
ROUTED = f"{NAME}_ab"
PARENTS = {
    NAME: {
        "caller": "",
        f"infer {NAME}": "caller",
        "InferRequest": f"infer {NAME}",
        NAME: "InferRequest",
        "preprocess_224": NAME,
        f"{NAME}_onnx": NAME,
    },
    ROUTED: {
        "caller": "",
        f"infer {ROUTED}": "caller",
        "InferRequest": f"infer {ROUTED}",
        ROUTED: "InferRequest",
        "preprocess_224": ROUTED,
        f"{NAME}_router": ROUTED,
        f"{NAME}_onnx": f"{NAME}_router",
    },
}
DOCUMENTATION = (ROOT / "docs" / "tracing.md").read_text()
PICTURE = PICTURES / "coffee.jpg"
CALLS, WAIT_S = 6, 4.0


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def addresses(receiver: OtlpReceiver) -> Iterator[Addresses]:
    """The addresses of a server that traces requests of a trace, and one of a million other requests."""
    with environment.setup_lock():
        build_missing([NAME, ROUTED])
    loaded = ("--model-control-mode=explicit", f"--load-model={NAME}", f"--load-model={ROUTED}")
    flags = Tracing(receiver.url, rate=10**6).flags()
    sent_soon = "--trace-config=opentelemetry,bsp_schedule_delay=50"
    with running([MODEL_REPOSITORY, ENSEMBLES], *loaded, *flags, sent_soon) as addresses:
        yield addresses


@pytest.fixture
def tracer(receiver: OtlpReceiver) -> Iterator[trace.Tracer]:
    """The caller's tracer, which exports to the same receiver."""
    with tracing_to(OTLPSpanExporter(receiver.url)) as tracer:
        yield tracer


def call(url: str, name: str, tracer: trace.Tracer) -> str:
    """Classify a picture in a span of the caller and return the trace's id."""
    with Client(url) as client, tracer.start_as_current_span("caller") as span:
        client.classify(PICTURE, model_name=name)
    return f"{span.get_span_context().trace_id:032x}"


def whole(spans: list[Span], name: str) -> list[Span]:
    """Return the spans of a trace if all are there, else an empty list."""
    return spans if PARENTS[name].keys() <= {span.name for span in spans} else []


def whole_trace(url: str, name: str, tracer: trace.Tracer, receiver: OtlpReceiver) -> list[Span]:
    """Return the spans of a call, or of a further call if spans were lost: an exporter sends a batch only once."""
    for _ in range(CALLS):
        trace_id = call(url, name, tracer)
        spans = receiver.until(
            lambda spans, wanted=trace_id: whole([span for span in spans if span.trace_id == wanted], name),
            timeout_s=WAIT_S,
        )
        if spans:
            return spans
    raise AssertionError(f"no whole trace of {name} in {CALLS} calls; the last has {receiver.spans[-9:]}")


def documented(addresses: Addresses) -> str:
    """Return the command of docs/tracing.md that changes the rate, with this server's address."""
    (command,) = re.findall(r"^curl .*/v2/trace/setting$", DOCUMENTATION, re.MULTILINE)
    return str(command).replace("localhost:8000", addresses.http)


def parents(spans: list[Span]) -> dict[str, str]:
    """Return the name of each span's parent."""
    names = {span.span_id: span.name for span in spans}
    return {span.name: names.get(span.parent_id, "") for span in spans}


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("name", [NAME, ROUTED])
def test_a_call_is_one_trace_of_client_ensemble_and_every_step(
    addresses: Addresses, receiver: OtlpReceiver, tracer: trace.Tracer, protocol: str, name: str
) -> None:
    spans = whole_trace(getattr(addresses, protocol), name, tracer, receiver)
    assert {name: parent for name, parent in parents(spans).items() if name != "compute"} == PARENTS[name]
    services = {span.name: span.service for span in spans}
    assert (services[f"infer {name}"], services[name]) == (SERVICE, "triton")
    # The client's request id reaches every step; the router's calls are requests of their own.
    named = {span.name: span.attributes.get("triton.request_id") for span in spans}
    assert named[name] == named["preprocess_224"] == named[f"infer {name}"] is not None


def test_the_sampling_rate_changes_while_the_server_runs(addresses: Addresses, receiver: OtlpReceiver) -> None:
    command = documented(addresses).replace('"10"', '"1"')
    subprocess.run(["bash", "-c", command], check=True, capture_output=True)
    before = {span.trace_id for span in receiver.spans}

    def without_a_caller(spans: list[Span]) -> list[Span]:
        return [
            each for each in spans if each.service == "triton" and not each.parent_id and each.trace_id not in before
        ]

    new: list[Span] = []
    for _ in range(CALLS):
        with Client(addresses.http) as client:
            client.classify(PICTURE, model_name=NAME)
        if new := receiver.until(without_a_caller, timeout_s=WAIT_S):
            break
    assert {span.name for span in new} == {"InferRequest"}
