from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from cronnx import (
    AsyncClient,
    Client,
    ConnectionFailed,
    CronnxError,
    DeadlineExceeded,
    InvalidInput,
    ModelNotFound,
    NotReady,
    Overloaded,
    Retry,
    ServerFault,
)
from cronnx._transports.grpc import ignore_spurious_wakeups, translated
from cronnx._transports.refusals import RequestContext
from tests.unit.cronnx.grpc_triton import GrpcTriton

KINDS = {
    grpc.StatusCode.CANCELLED: ConnectionFailed,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidInput,
    grpc.StatusCode.NOT_FOUND: ModelNotFound,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.PERMISSION_DENIED: InvalidInput,
    grpc.StatusCode.UNAUTHENTICATED: InvalidInput,
    grpc.StatusCode.UNAVAILABLE: NotReady,
}


@pytest.fixture
def client(grpc_triton: GrpcTriton) -> Iterator[Client]:
    with Client(f"grpc://{grpc_triton.address}", retry=Retry(attempts=1)) as client:
        yield client


def test_images_are_classified(client: Client) -> None:
    images = [b"cat", b"dog", b"\0", b"a", b"b"]
    assert [answer.label.encode() for answer in client.classify(images)] == images


def test_a_request_is_on_the_wire_as_the_protocol_says(client: Client, grpc_triton: GrpcTriton) -> None:
    client.classify([b"\xff\xd8\0", b"ab"])
    (request,) = grpc_triton.requests
    (image,) = request.inputs
    assert (request.model_name, request.model_version, len(request.id)) == ("efficientnet_lite0", "", 32)
    assert (image.name, image.datatype, list(image.shape)) == ("image", "BYTES", [2, 1])
    assert list(request.raw_input_contents) == [b"\3\0\0\0\xff\xd8\0\2\0\0\0ab"]
    assert [output.name for output in request.outputs] == ["label", "class_id", "score", "served_by"]


def test_a_photograph_beyond_grpcs_default_limit_passes(client: Client) -> None:
    photograph = b"x" * (5 << 20)
    assert len(client.classify(photograph).label) == len(photograph)


@pytest.mark.parametrize("status", [status for status in grpc.StatusCode if status is not grpc.StatusCode.OK])
def test_every_status_is_one_of_our_errors(client: Client, grpc_triton: GrpcTriton, status: grpc.StatusCode) -> None:
    grpc_triton.infer = lambda _request, context: context.abort(status, "the server's words")
    with pytest.raises(CronnxError) as caught:
        client.classify(b"cat")
    assert type(caught.value) is KINDS.get(status, ServerFault)
    assert caught.value.server_message == "the server's words"
    assert caught.value.model_name == "efficientnet_lite0"
    assert caught.value.request_id == grpc_triton.requests[0].id
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    "error",
    [
        InferenceServerException("no status"),
        grpc.RpcError("not wrapped by tritonclient"),
        KeyError("label"),
        ValueError("not a tensor"),
        RuntimeError("anything else"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_foreign_error_is_left_unmapped(error: Exception) -> None:
    assert type(translated(error, RequestContext("grpc://host:8001", 1.0))) is ServerFault


def test_a_full_queue_is_overload(client: Client, grpc_triton: GrpcTriton) -> None:
    message = "in ensemble 'efficientnet_lite0', Exceeds maximum queue size"
    grpc_triton.infer = lambda _request, context: context.abort(grpc.StatusCode.UNAVAILABLE, message)
    with pytest.raises(Overloaded, match=message):
        client.classify(b"cat")


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (grpc.StatusCode.UNKNOWN, "Stream removed (Data frame with END_STREAM flag received)"),
        (grpc.StatusCode.INTERNAL, "Received RST_STREAM with error code 2"),
    ],
)
def test_an_answer_that_a_proxy_cuts_off_is_a_broken_connection(
    client: Client, grpc_triton: GrpcTriton, status: grpc.StatusCode, message: str
) -> None:
    grpc_triton.infer = lambda _request, context: context.abort(status, message)
    with pytest.raises(ConnectionFailed) as caught:
        client.classify(b"cat")
    assert caught.value.request_sent


def test_a_broken_image_is_refused_in_the_servers_words(client: Client) -> None:
    with pytest.raises(InvalidInput, match=r"^in ensemble 'efficientnet_lite0', image\[0\]: truncated JPEG$"):
        client.classify(b"broken")


def test_an_unknown_model_is_not_found(client: Client) -> None:
    with pytest.raises(ModelNotFound, match="nonesuch"):
        client.classify([b"cat"], model_name="nonesuch")


def test_a_server_that_does_not_answer_meets_the_deadline(client: Client, grpc_triton: GrpcTriton) -> None:
    grpc_triton.hang()
    with pytest.raises(DeadlineExceeded, match=r"within 0\.1 s"):
        client.classify(b"cat", timeout_s=0.1)


def test_the_deadline_is_sent_to_the_server(client: Client, grpc_triton: GrpcTriton) -> None:
    remaining: list[float] = []

    def infer(_request: Any, context: grpc.ServicerContext) -> None:
        remaining.append(context.time_remaining())
        context.abort(grpc.StatusCode.INTERNAL, "seen")

    grpc_triton.infer = infer
    with pytest.raises(ServerFault, match="seen"):
        client.classify(b"cat", timeout_s=1000.0)
    assert 900 < remaining[0] < 1100  # gRPC rounds what it sends


def test_an_address_without_a_server_cannot_be_reached(deserted_address: str) -> None:
    with Client(f"grpc://{deserted_address}") as client:
        with pytest.raises(ConnectionFailed, match=f"cannot reach grpc://{deserted_address}: .*refused"):
            client.classify(b"cat")
        assert not client.is_server_live()
        assert not client.is_server_ready()
        assert not client.is_ready("efficientnet_lite0")


def test_a_host_without_an_address_cannot_be_reached() -> None:
    with Client("grpc://host.invalid:8001") as client, pytest.raises(ConnectionFailed):
        client.classify(b"cat")


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_server_of_another_protocol_cannot_be_reached(byte_server: Callable[[bytes], str], reply: bytes) -> None:
    with Client(f"grpc://{byte_server(reply)}", timeout_s=30.0) as client, pytest.raises(ConnectionFailed):
        client.classify(b"cat")


def test_a_server_that_stops_during_a_request_is_one_of_our_errors(client: Client, grpc_triton: GrpcTriton) -> None:
    entered = grpc_triton.hang()
    with ThreadPoolExecutor() as callers:
        answer = callers.submit(client.classify, b"cat")
        assert entered.wait(10)
        threading.Thread(target=grpc_triton.stop).start()
        with pytest.raises((ConnectionFailed, NotReady)):
            answer.result(10)
        grpc_triton.released.set()


def test_closing_the_client_ends_a_request_under_way(client: Client, grpc_triton: GrpcTriton) -> None:
    entered = grpc_triton.hang()
    with ThreadPoolExecutor() as callers:
        answer = callers.submit(client.classify, b"cat")
        assert entered.wait(10)
        client.close()
        with pytest.raises(ConnectionFailed):
            answer.result(10)


def test_a_cancelled_call_is_cancelled_at_the_server(grpc_triton: GrpcTriton) -> None:
    entered = grpc_triton.hang()

    async def ask() -> None:
        async with AsyncClient(f"grpc://{grpc_triton.address}") as client:
            answer = asyncio.create_task(client.classify(b"cat"))
            await asyncio.to_thread(entered.wait, 10)
            answer.cancel()
            assert await asyncio.to_thread(grpc_triton.cancelled.wait, 10)

    asyncio.run(ask())


def malformed() -> Iterator[Any]:
    response = service_pb2.ModelInferResponse()
    response.outputs.add(name="label", datatype="BYTES", shape=[1, 5])
    response.raw_output_contents.append(b"\xff\xff\xff\xff")
    yield pytest.param(response, id="a length beyond the tensor")
    response = service_pb2.ModelInferResponse()
    response.outputs.add(name="score", datatype="FP32", shape=[1, 5])
    response.raw_output_contents.append(b"\0\0\0")
    yield pytest.param(response, id="bytes that are no floats")
    response = service_pb2.ModelInferResponse()
    response.outputs.add(name="score", datatype="NONE", shape=[1, 5])
    yield pytest.param(response, id="an unknown datatype")
    yield pytest.param(service_pb2.ModelInferResponse(), id="no outputs")


@pytest.mark.parametrize("response", list(malformed()))
def test_an_answer_that_cannot_be_read_is_a_server_fault(
    client: Client, grpc_triton: GrpcTriton, response: Any
) -> None:
    grpc_triton.infer = lambda _request, _context: response
    with pytest.raises(ServerFault):
        client.classify(b"cat")


def test_readiness_is_the_servers(client: Client, grpc_triton: GrpcTriton) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_ready("efficientnet_lite0")
    assert not client.is_ready("nonesuch")
    grpc_triton.is_ready = False
    assert not client.is_server_ready()


def test_many_threads_share_a_client(client: Client) -> None:
    images = [f"image {position}".encode() for position in range(40)]
    with ThreadPoolExecutor(8) as callers:
        assert [answer.label.encode() for answer in callers.map(client.classify, images)] == images


class Failing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def _handle_events(self) -> None:
        raise self.error


class PollerCompletionQueue(Failing):
    """Has the name of gRPC's class."""

    def _handle_events(self) -> None:
        super()._handle_events()


NO_WORK = BlockingIOError("Resource temporarily unavailable")
NO_LOOP = RuntimeError("Event loop is closed")


def told(*callbacks: Callable[[], None]) -> list[str]:
    """Return the errors of failing callbacks that reach a loop's own handler."""
    contexts: list[dict[str, Any]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: contexts.append(context))
        ignore_spurious_wakeups(loop)
        ignore_spurious_wakeups(loop)
        for callback in callbacks:
            loop.call_soon(callback)
        await asyncio.sleep(0)

    asyncio.run(run())
    return [type(context["exception"]).__name__ for context in contexts]


@pytest.mark.parametrize("error", [NO_WORK, NO_LOOP])
def test_grpcs_spurious_wakeups_are_not_logged(error: Exception) -> None:
    assert told(PollerCompletionQueue(error)._handle_events) == []


@pytest.mark.parametrize("failing", [Failing(NO_WORK), Failing(NO_LOOP), PollerCompletionQueue(RuntimeError("broken"))])
def test_other_errors_are_logged_once(failing: Failing) -> None:
    assert told(failing._handle_events) == [type(failing.error).__name__]


def test_a_loop_without_a_handler_still_logs(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        ignore_spurious_wakeups(loop)
        loop.call_soon(Failing(LookupError("lost"))._handle_events)
        await asyncio.sleep(0)

    asyncio.run(run())
    assert "LookupError: lost" in caplog.text
