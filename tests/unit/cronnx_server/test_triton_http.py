from __future__ import annotations

import http.server
import select
import socket
import threading
from collections.abc import Iterator

import pytest

from cronnx_server.errors import AddressError, NoAnswerError
from cronnx_server.key import HEADER
from cronnx_server.triton_http import TritonHttp

KEY = "0123456789abcdef"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers a POST with its body and its key, and a GET with its path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/v2/health/ready" else 404, self.path.encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, body + self.headers.get(HEADER, "").encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_request_without_a_body_is_a_get_and_any_status_is_an_answer(url: str) -> None:
    with TritonHttp(url, timeout_s=30) as triton:
        assert triton.request("/v2") == (404, b"/v2")


def test_a_request_with_a_body_is_a_post_and_carries_the_key(url: str) -> None:
    with TritonHttp(url, timeout_s=30, key=KEY) as triton:
        assert triton.request("/v2/repository/index", b"{}") == (200, b"{}" + KEY.encode())


def test_no_proxy_of_the_environment_is_used(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with TritonHttp(url, timeout_s=30) as triton:
        assert triton.is_server_ready()


def test_the_answer_can_be_waited_for_between_sending_and_receiving(url: str) -> None:
    with TritonHttp(url, timeout_s=30) as triton:
        triton.send("/v2", b"body")
        assert select.select([triton.fileno()], [], [], 30)[0]
        assert triton.receive() == (200, b"body")


def test_a_server_that_is_not_there_does_not_answer_and_is_not_ready() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        triton = TritonHttp(f"http://127.0.0.1:{bound.getsockname()[1]}", timeout_s=30)
        with pytest.raises(NoAnswerError, match=r"cannot reach http://127.0.0.1:.*: Connection refused"):
            triton.request("/v2")
        assert not triton.is_server_ready()


def test_all_requests_share_one_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        triton = TritonHttp(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2)
        for _ in range(2):
            with pytest.raises(NoAnswerError, match=r"no answer within 0\.2 s"):
                triton.request("/v2")


@pytest.mark.parametrize("url", ["grpc://h:8001", "h:8000", "http://h:port", "http://h/v2", "", "http://:8000"])
def test_another_address_than_an_http_port_is_refused(url: str) -> None:
    with pytest.raises(AddressError, match=f"expected http://HOST:PORT .*, got '{url}'"):
        TritonHttp(url, timeout_s=1)
