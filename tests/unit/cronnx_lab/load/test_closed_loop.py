from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cronnx_lab.load.closed_loop import Order, Outcome, ask
from cronnx_lab.load.http_requests import to_fastapi


class Server(ThreadingHTTPServer):
    """Answers with `status`, counts, and knows how many requests it had under way at a time."""

    daemon_threads = True
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.bodies: list[bytes] = []
        self.connections: set[tuple[str, int]] = set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.connections.add(self.client_address)
        if self.server.status == 0:
            self.close_connection = True
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def loaded(tmp_path: Path, *servers: Server, concurrency: int = 3) -> Outcome:
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        path.write_bytes(to_fastapi(path.name.encode()))
    addresses = [("127.0.0.1", server.server_address[1]) for server in servers]
    return asyncio.run(ask(Order(addresses, list(map(str, paths)), concurrency, 0.2)))


def test_every_answer_is_counted_once(server: Server, tmp_path: Path) -> None:
    outcome = loaded(tmp_path, server)
    assert len(outcome.spans) == len(server.bodies) > 3
    assert outcome.failed == 0
    assert all(start <= end for start, end in outcome.spans)
    assert outcome.cpu_s > 0


def test_there_are_as_many_connections_as_the_concurrency_and_they_are_kept(server: Server, tmp_path: Path) -> None:
    loaded(tmp_path, server, concurrency=3)
    assert len(server.connections) == 3


def test_requests_take_turns(server: Server, tmp_path: Path) -> None:
    loaded(tmp_path, server, concurrency=1)
    assert server.bodies[:4] == [b"a", b"b", b"a", b"b"]


def test_connections_are_spread_over_the_servers(server: Server, tmp_path: Path) -> None:
    with Server() as other:
        thread = threading.Thread(target=other.serve_forever, args=(0.01,))
        thread.start()
        loaded(tmp_path, server, other, concurrency=4)
        other.shutdown()
        thread.join()
    assert (len(server.connections), len(other.connections)) == (2, 2)


def test_an_error_is_no_answer(server: Server, tmp_path: Path) -> None:
    server.status = 500
    outcome = loaded(tmp_path, server)
    assert outcome.spans == []
    assert outcome.failed == len(server.bodies) > 0


def test_a_server_that_hangs_up_ends_the_measurement(server: Server, tmp_path: Path) -> None:
    server.status = 0
    with pytest.raises(ConnectionResetError, match="before it answered"):
        loaded(tmp_path, server)
