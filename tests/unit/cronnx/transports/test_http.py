from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from tritonclient.utils import InferenceServerException
from yarl import URL

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
from cronnx._transports.base import ServerRequest
from cronnx._transports.connection import connect
from cronnx._transports.http import translated
from cronnx._transports.refusals import RequestContext
from tests.unit.cronnx.http_triton import HttpReply, HttpTriton, serve_http

KINDS = {
    400: InvalidInput,
    401: InvalidInput,
    403: InvalidInput,
    404: ModelNotFound,
    413: InvalidInput,
    408: DeadlineExceeded,
    429: Overloaded,
    502: NotReady,
    503: NotReady,
    504: DeadlineExceeded,
}

REQUEST = aiohttp.RequestInfo(URL("http://host:8000"), "GET", CIMultiDictProxy(CIMultiDict()))


@pytest.fixture
def client(http_triton: HttpTriton) -> Iterator[Client]:
    with Client(f"http://{http_triton.address}", retry=Retry(attempts=1)) as client:
        yield client


def test_images_are_classified(client: Client) -> None:
    images = [b"cat", b"dog", b"\0", b"a", b"b"]
    assert [answer.label.encode() for answer in client.classify(images)] == images


def test_a_request_is_on_the_wire_as_the_protocol_says(client: Client, http_triton: HttpTriton) -> None:
    client.classify([b"\xff\xd8\0", b"ab"])
    (request,) = http_triton.requests
    assert request.path == "/v2/models/efficientnet_lite0/infer"
    assert request.binary == b"\3\0\0\0\xff\xd8\0\2\0\0\0ab"
    assert len(request.json.pop("id")) == 32
    assert request.json == {
        "inputs": [{"name": "image", "shape": [2, 1], "datatype": "BYTES", "parameters": {"binary_data_size": 13}}],
        "outputs": [
            {"name": name, "parameters": {"binary_data": True}} for name in ("label", "class_id", "score", "served_by")
        ],
    }


def test_no_compression_is_offered_or_used(client: Client, http_triton: HttpTriton) -> None:
    client.classify(b"cat")
    (request,) = http_triton.requests
    assert request.headers["Accept-Encoding"] == "identity"
    assert "Content-Encoding" not in request.headers


def test_nothing_is_printed_or_logged(
    client: Client, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    client.classify([b"cat"])
    client.is_ready("nonesuch")
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_every_error_status_is_one_of_our_errors(client: Client, http_triton: HttpTriton) -> None:
    for status in range(400, 600):
        http_triton.always(status, b'{"error": "the server\'s words"}')
        with pytest.raises(CronnxError) as caught:
            client.classify(b"cat")
        assert type(caught.value) is KINDS.get(status, ServerFault), status
        assert caught.value.server_message == "the server's words"
        assert caught.value.model_name == "efficientnet_lite0"
        assert caught.value.request_id == http_triton.requests[-1].json["id"]
        assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncio.TimeoutError(), DeadlineExceeded),
        (aiohttp.ServerTimeoutError(), DeadlineExceeded),
        (aiohttp.ServerDisconnectedError(), ConnectionFailed),
        (aiohttp.ClientOSError(), ConnectionFailed),
        (aiohttp.ClientPayloadError(), ConnectionFailed),
        (aiohttp.ClientConnectionError(), ConnectionFailed),
        (aiohttp.ClientError(), ConnectionFailed),
        (ConnectionResetError(), ConnectionFailed),
        (aiohttp.ClientResponseError(REQUEST, ()), ServerFault),
        (InferenceServerException("no status"), ServerFault),
        (KeyError("outputs"), ServerFault),
        (ValueError("not JSON"), ServerFault),
        (RuntimeError("anything else"), ServerFault),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else type(value).__name__,
)
def test_no_foreign_error_is_left_unmapped(error: Exception, kind: type[CronnxError]) -> None:
    assert type(translated(error, RequestContext("http://host:8000", 1.0))) is kind


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_its_target_is_named(http_triton: HttpTriton, status: int) -> None:
    with serve_http() as other, Client(f"http://{http_triton.address}", key="k", headers={"secret": "s"}) as client:
        target = f"http://{other.address}/v2/models/m/infer"
        http_triton.always(status, b"", Location=target)
        with pytest.raises(
            ServerFault, match=f"^http://{http_triton.address} redirects to '{target}': give the client"
        ):
            client.classify(b"cat")
        http_triton.get = lambda _path: HttpReply(status, b"", {"Location": target})  # type: ignore[method-assign]
        assert not client.is_server_live()
        with pytest.raises(ServerFault, match="redirects to"):
            client.model("efficientnet_lite0")
    assert not other.requests
    assert not other.headers


def test_a_connection_that_is_not_accepted_is_never_sent() -> None:
    error = translated(aiohttp.ConnectionTimeoutError(), RequestContext("http://host:8000", 30.0))
    assert isinstance(error, ConnectionFailed)
    assert not error.request_sent
    assert str(error).startswith("cannot reach http://host:8000: no answer while connecting; is the server stuck")


def test_a_full_queue_is_overload(client: Client, http_triton: HttpTriton) -> None:
    http_triton.always(503, b'{"error": "Exceeds maximum queue size"}')
    with pytest.raises(Overloaded, match=r"^Exceeds maximum queue size$"):
        client.classify(b"cat")


def test_a_proxys_own_error_page_is_one_of_our_errors(client: Client, http_triton: HttpTriton) -> None:
    http_triton.always(502, b"<html>Bad Gateway</html>")
    with pytest.raises(NotReady) as caught:
        client.classify(b"cat")
    assert str(caught.value) == f"http://{http_triton.address} answered UNAVAILABLE: Bad Gateway"
    assert caught.value.server_message == "<html>Bad Gateway</html>"


def test_a_broken_image_is_refused_in_the_servers_words(client: Client) -> None:
    with pytest.raises(InvalidInput, match=r"^in ensemble 'efficientnet_lite0', image\[0\]: truncated JPEG$"):
        client.classify(b"broken")


def test_an_unknown_model_is_not_found(client: Client) -> None:
    with pytest.raises(ModelNotFound, match="nonesuch"):
        client.classify([b"cat"], model_name="nonesuch")


def test_a_server_that_does_not_answer_meets_the_deadline(client: Client, http_triton: HttpTriton) -> None:
    http_triton.hang()
    with pytest.raises(DeadlineExceeded, match=r"within 0\.1 s"):
        client.classify(b"cat", timeout_s=0.1)


def test_the_next_request_after_a_missed_deadline_is_answered(client: Client, http_triton: HttpTriton) -> None:
    answer = http_triton.infer
    http_triton.hang()
    with pytest.raises(DeadlineExceeded):
        client.classify(b"cat", timeout_s=0.1)
    http_triton.infer = answer
    assert client.classify(b"dog").label == "dog"


def test_an_address_without_a_server_cannot_be_reached(deserted_address: str) -> None:
    with Client(f"http://{deserted_address}") as client:
        with pytest.raises(ConnectionFailed, match=f"cannot reach http://{deserted_address}: "):
            client.classify(b"cat")
        assert not client.is_server_live()
        assert not client.is_server_ready()
        assert not client.is_ready("efficientnet_lite0")


def test_a_host_without_an_address_cannot_be_reached() -> None:
    with Client("http://host.invalid:8000") as client, pytest.raises(ConnectionFailed):
        client.classify(b"cat")


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"]
)
def test_a_server_that_closes_while_it_answers_is_a_failed_connection(
    byte_server: Callable[[bytes], str], reply: bytes
) -> None:
    with Client(f"http://{byte_server(reply)}") as client, pytest.raises(ConnectionFailed):
        client.classify(b"cat")


def test_a_server_of_another_protocol_is_a_server_fault(byte_server: Callable[[bytes], str]) -> None:
    with Client(f"http://{byte_server(b'SSH-2.0-OpenSSH')}") as client, pytest.raises(ServerFault):
        client.classify(b"cat")


@pytest.mark.parametrize(
    ("body", "header_length"),
    [
        (b"", "0"),
        (b"no json", "7"),
        (b"[]", "2"),
        (b"{}", "2"),
        (b"{}", "many"),
        (b'{"outputs": [{"name": "label"}]}', "32"),
        (b'{"outputs": [{"name": "score", "datatype": "FP32", "shape": [1, 5], "data": [1]}]}', "82"),
        (
            b'{"outputs": [{"name": "label", "datatype": "BYTES", "shape": [1, 5],'
            b' "parameters": {"binary_data_size": 4}}]}\xff\xff\xff\xff',
            "108",
        ),
    ],
)
def test_an_answer_that_cannot_be_read_is_a_server_fault(
    client: Client, http_triton: HttpTriton, body: bytes, header_length: str
) -> None:
    http_triton.always(200, body, Inference_Header_Content_Length=header_length)
    with pytest.raises(ServerFault):
        client.classify(b"cat")


def test_closing_the_client_ends_a_request_under_way(client: Client, http_triton: HttpTriton) -> None:
    entered = http_triton.hang()
    with ThreadPoolExecutor() as callers:
        answer = callers.submit(client.classify, b"cat")
        assert entered.wait(10)
        client.close()
        with pytest.raises(ConnectionFailed):
            answer.result(10)


def test_a_cancelled_call_hangs_up() -> None:
    async def ask() -> None:
        came, hung_up = asyncio.Event(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            came.set()
            await reader.read()  # until the client hangs up
            hung_up.set()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1")
        address, port = server.sockets[0].getsockname()
        async with AsyncClient(f"http://{address}:{port}") as client:
            answer = asyncio.create_task(client.classify(b"cat"))
            await came.wait()
            answer.cancel()
            await asyncio.wait_for(hung_up.wait(), 10)
        server.close()

    asyncio.run(ask())


def test_a_cancellation_that_comes_with_the_answer_is_not_lost(http_triton: HttpTriton) -> None:
    async def ask() -> None:
        transport = connect(f"http://{http_triton.address}")
        came = asyncio.Event()

        async def ask_and_wait() -> None:
            await transport.send(ServerRequest(lambda _: came.wait(), 60))
            await asyncio.Event().wait()

        asking = asyncio.create_task(ask_and_wait())
        for _ in range(5):
            await asyncio.sleep(0)
        came.set()
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait({asking}, timeout=10)
        assert asking.cancelled()
        await transport.close()

    asyncio.run(ask())


def test_readiness_is_the_servers(client: Client, http_triton: HttpTriton) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_ready("efficientnet_lite0")
    assert not client.is_ready("nonesuch")
    http_triton.is_ready = False
    assert not client.is_server_ready()


def test_many_threads_share_a_client(client: Client) -> None:
    images = [f"image {position}".encode() for position in range(40)]
    with ThreadPoolExecutor(8) as callers:
        assert [answer.label.encode() for answer in callers.map(client.classify, images)] == images


def test_threads_that_end_leave_no_files_open(client: Client) -> None:
    open_files = Path("/proc/self/fd")
    client.classify(b"cat")
    before = len(list(open_files.iterdir()))
    for _ in range(5):
        thread = threading.Thread(target=client.classify, args=(b"cat",))
        thread.start()
        thread.join()
    assert len(list(open_files.iterdir())) <= before  # what earlier tests left may be closed meanwhile


def test_a_closed_client_leaves_no_thread(http_triton: HttpTriton) -> None:
    before = client_threads()
    with Client(f"http://{http_triton.address}") as client:
        client.classify(b"cat")
        assert client_threads() - before
    assert not client_threads() - before


def client_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "cronnx"}
