"""What HAProxy lets through, refuses and repeats, in front of servers that only record what they get."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest
from tritonclient.grpc import service_pb2

from cronnx_lab.attack.attacks import crashing
from cronnx_lab.attack.proxy import Proxy, balancing
from cronnx_lab.fuzz.requests import (
    Answer,
    Connection,
    GrpcRequest,
    HttpRequest,
    NoAnswerError,
    Payload,
    Request,
    over_http_binary,
)
from tests.server.haproxy import skip_without_haproxy
from tests.server.recording_replica import HANG_UP, Replica

INFER, GENERATE = "/v2/models/any/infer", "/v2/models/any/generate"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HEADER = "Inference-Header-Content-Length"
NOISE = bytes(range(256)) * 2000
LONG = "A" * 400_000  # more than HAProxy's buffer


@dataclass(frozen=True)
class Balanced:
    proxy: Proxy
    connection: Connection
    replicas: list[Replica]

    def send(self, request: Request) -> tuple[Answer, list[tuple[str, bytes, Mapping[str, str]]]]:
        """Send a request; the answer, and what the replicas got together."""
        for each in self.replicas:
            each.received.clear()
        answer = self.connection.send(request)
        return answer, [one for each in self.replicas for one in each.received]


@pytest.fixture(scope="module")
def balanced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balanced]:
    skip_without_haproxy()
    replicas = [Replica() for _ in range(3)]
    with ExitStack() as stack:
        for each in replicas:
            stack.enter_context(each.serving())
        addresses = [each.addresses for each in replicas]
        proxy = stack.enter_context(balancing(addresses, tmp_path_factory.mktemp("haproxy")))
        yield Balanced(proxy, stack.enter_context(closing(Connection(proxy.addresses))), replicas)


def infer(*, shape: str = "[1, 1]", data: str = '["a"]', more: str = "") -> HttpRequest:
    tensor = f'{{"name": "image", "datatype": "BYTES", "shape": {shape}, "data": {data}}}'
    return HttpRequest(INFER, f'{{"inputs": [{tensor}]{more}}}'.encode())


HONEST = {
    "a small picture": HttpRequest(GENERATE, b'{"image": "AAAA"}'),
    "a picture larger than the buffer": HttpRequest(GENERATE, b'{"image": "%b"}' % LONG.encode()),
    "a batch": infer(shape="[2, 1]", data=f'["{LONG}", "{LONG}"]'),
    "numbers": infer(shape="[1, 20000]", data=json.dumps([0.25] * 20_000)),
    "nested numbers": infer(shape="[1, 100, 100, 2]", data=json.dumps([[[[1, 2]] * 100] * 100])),
    "binary tensors": over_http_binary("any", Payload(NOISE)),
    "the word classification as a text": HttpRequest(GENERATE, b'{"image": "AAAA", "user_id": "classification"}'),
    "escaped quotation marks": HttpRequest(GENERATE, json.dumps({"id": 'say "[[[[' + "[" * 100}).encode()),
    "the index of models": HttpRequest("/v2/repository/index", b'{"ready": true}'),
    "no body": HttpRequest("/v2/repository/index"),
    "a version": HttpRequest("/v2/models/any/versions/2/infer", b"{}"),
    "a stream": HttpRequest("/v2/models/any/generate_stream", b"{}"),
    "parameters of an address": HttpRequest("/v2/models/any/infer?a=/trace/setting", b"{}"),
}


@pytest.mark.parametrize("kind", HONEST)
def test_an_honest_request_arrives_unchanged_once(balanced: Balanced, kind: str) -> None:
    request = HONEST[kind]
    answer, received = balanced.send(request)
    assert answer.status == 200
    assert [(path, body) for path, body, _ in received] == [(request.path, request.body)]


@pytest.mark.parametrize("size", [100, 5_000_000])
def test_json_that_is_declared_a_form_arrives_undeclared(balanced: Balanced, size: int) -> None:
    answer, received = balanced.send(HttpRequest(GENERATE, b'{"image": "%b"}' % (b"A" * size), FORM))
    assert answer.status == 200
    assert ["content-type" in {name.lower() for name in headers} for _, _, headers in received] == [False]


# Calls that change or show a server, and addresses that Triton does not have.
NOT_ALLOWED = [
    "/v2/repository/models/any/load",
    "/v2/repository/models/any/unload",
    "/v2/repository/other/index",
    "/v2/models/any/trace/setting",
    "/v2/models/any/versions/1/trace/setting",
    "/v2/trace/setting",
    "/v2/logging",
    "/v2/systemsharedmemory/status",
    "/v2/systemsharedmemory/region/any/register",
    "/v2/cudasharedmemory/region/any/register",
    "/v2/models/any/generate/more",
    "/v2/models//infer",
    "/v2/models/any/infer/",
    "//v2/models/any/infer",
    "/v2/models/any/%74race/setting",
    "/metrics",
    "/",
]

CLASSIFICATION = ', "outputs": [{"name": "label", "parameters": {"classification": 3}}]'
REFUSED = {
    **{each.name: each.request for each in crashing("any", "label") if isinstance(each.request, HttpRequest)},
    "an escaped key": infer(more=CLASSIFICATION.replace("class", "\\u0063lass")),
    "a key and a colon far from it": infer(more=CLASSIFICATION.replace('n":', 'n"' + " " * 400_000 + ":")),
    "a key after the buffer": infer(data=f'["{LONG}"]', more=CLASSIFICATION),
    "a key in the header of binary tensors": HttpRequest(
        INFER, f"{{{CLASSIFICATION[2:]}}}".encode() + NOISE, {HEADER: str(len(CLASSIFICATION))}
    ),
    "a shape whose dimensions are small": infer(shape="[1000, 1000, 1000]"),
    "a shape of many digits": infer(shape=f"[{'0' * 2000}1, {10**9}]"),
    "an escaped shape": HttpRequest(INFER, infer(shape="[9999999]").body.replace(b"shape", b"sh\\u0061pe")),
    "deep after the buffer": HttpRequest(GENERATE, b'{"image": "%b", "x": %b' % (LONG.encode(), b"[" * 100_000)),
    "a million brackets": HttpRequest(GENERATE, b"[" + b"[],[]," * 250_000),
    "half a million escapes": HttpRequest(GENERATE, b'{"image": "' + b"\\\\" * 500_000),
    "deep with siblings": HttpRequest(GENERATE, b"[[]," * 100_000),
    "a header length for generate": HttpRequest(GENERATE, b"{}" + b"[" * 100_000, {HEADER: "2"}),
    "two header lengths": HttpRequest(INFER, b"{}", {HEADER: "2, 2"}),
    "gzip": HttpRequest(GENERATE, b"", {"Content-Encoding": "gzip"}),
    "a long path": HttpRequest(f"/v2/models/{'m' * 100_000}"),
    **{path: HttpRequest(path, b"{}") for path in NOT_ALLOWED},
}
del REFUSED["form of 5 MB"]  # answered: the test above


@pytest.mark.parametrize("kind", REFUSED)
def test_a_request_that_could_harm_a_replica_reaches_none(balanced: Balanced, kind: str) -> None:
    answer, received = balanced.send(REFUSED[kind])
    assert received == []
    assert answer.status in (400, 403, 411, 414, 415)
    assert answer.message.startswith("expected ")
    assert balanced.proxy.replicas_up() == 3


def test_a_request_that_a_replica_hung_up_on_is_sent_to_no_other(balanced: Balanced) -> None:
    try:
        answer, received = balanced.send(HttpRequest(HANG_UP, b'{"image": "AAAA"}'))
        assert answer.status == 502
    except NoAnswerError:
        received = [one for each in balanced.replicas for one in each.received]
    assert len(received) == 1


SERVICE = "/inference.GRPCInferenceService"
METHODS = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
CHANGING = re.compile("RepositoryModel|SharedMemory|Trace|Log")


def is_passed_on(balanced: Balanced, method: str) -> bool:
    """Call a method with an empty message, and return whether a replica got it."""
    try:
        answer, received = balanced.send(GrpcRequest(b"", method))
    except NoAnswerError as refusal:
        if "PERMISSION_DENIED" not in str(refusal):
            raise
        return any(each.received for each in balanced.replicas)
    return answer.status == 200 and len(received) == 1


@pytest.mark.parametrize("method", [each.name for each in METHODS])
def test_a_method_of_triton_is_passed_on_unless_it_would_change_one_replica(balanced: Balanced, method: str) -> None:
    assert is_passed_on(balanced, f"{SERVICE}/{method}") != bool(CHANGING.search(method))


def test_no_other_method_is_passed_on_but_the_health_check(balanced: Balanced) -> None:
    assert is_passed_on(balanced, "/grpc.health.v1.Health/Check")
    for method in ("/grpc.health.v1.Health/Watch", f"{SERVICE}/Other", f"{SERVICE.replace('.', 'X')}/ModelInfer"):
        assert not is_passed_on(balanced, method)


OUTPUT = b"\x0a\x05label"
ASKING = b"\x12\x14\x0a\x0eclassification\x12\x02\x10\x03"
GROUP = b"\x7b\x7c"  # an unknown field of a wire type that proto3 does not write; Triton skips it
IN_ENTRY = b"\x12\x16" + GROUP + ASKING[2:]


@pytest.mark.parametrize(
    ("output", "arrives"),
    [(OUTPUT, True), (OUTPUT + ASKING, False), (OUTPUT + GROUP + ASKING, False), (OUTPUT + IN_ENTRY, False)],
)
def test_an_output_over_grpc_arrives_unless_it_asks_for_classes(
    balanced: Balanced, output: bytes, *, arrives: bool
) -> None:
    service_pb2.ModelInferRequest.InferRequestedOutputTensor.FromString(output)
    message = b"\x0a\x03any" + b"\x32" + bytes([len(output)]) + output
    answer, received = balanced.send(GrpcRequest(message))
    assert (answer.status == 200, [got for _, got, _ in received]) == (arrives, [message] * arrives)
    assert balanced.proxy.replicas_up() == 3


@pytest.mark.parametrize(("byte_count", "arrives"), [(100, True), (2**26 + 1, False)])
@pytest.mark.parametrize("method", ["ModelInfer", "ModelMetadata", "ServerLive"])
def test_a_message_over_grpc_arrives_unless_it_is_too_large(
    balanced: Balanced, method: str, byte_count: int, *, arrives: bool
) -> None:
    message = service_pb2.ModelMetadataRequest(name="a" * byte_count).SerializeToString()
    answer, received = balanced.send(GrpcRequest(message, f"{SERVICE}/{method}"))
    assert (answer.status == 200, len(received)) == (arrives, arrives)
