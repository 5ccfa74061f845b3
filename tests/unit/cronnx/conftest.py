from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.unit.cronnx.fake_transport import FakeTransport
from tests.unit.cronnx.grpc_triton import GrpcTriton, serve_grpc
from tests.unit.cronnx.http_triton import HttpTriton, serve_http


@dataclass
class Served:
    """A server of either protocol, and its URL."""

    triton: GrpcTriton | HttpTriton
    url: str


@pytest.fixture
def transport() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
def grpc_triton() -> Iterator[GrpcTriton]:
    with serve_grpc() as triton:
        yield triton


@pytest.fixture
def http_triton() -> Iterator[HttpTriton]:
    with serve_http() as triton:
        yield triton


@pytest.fixture(params=["grpc", "http"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    with serve_grpc() if request.param == "grpc" else serve_http() as triton:
        yield Served(triton, f"{request.param}://{triton.address}")


@pytest.fixture
def byte_server() -> Iterator[Callable[[bytes], str]]:
    """Return a function that starts a server which answers with given bytes and hangs up; it returns the address."""
    with contextlib.ExitStack() as stack:

        def start(reply: bytes) -> str:
            class Handler(socketserver.BaseRequestHandler):
                def handle(self) -> None:
                    self.request.recv(1 << 20)
                    self.request.sendall(reply)
                    self.request.shutdown(socket.SHUT_WR)
                    with contextlib.suppress(ConnectionError):
                        while self.request.recv(1 << 20):
                            pass  # to close with bytes unread would reset the connection, and the reply might be lost

            server = stack.enter_context(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler))
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
            stack.callback(server.shutdown)
            return f"127.0.0.1:{server.server_address[1]}"

        yield start


@pytest.fixture
def deserted_address() -> Iterator[str]:
    """An address without a server. The port is bound, so that no other process takes it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"
