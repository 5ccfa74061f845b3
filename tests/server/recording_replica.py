"""A server that only records what it gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import grpc

from cronnx_server.serve.addresses import Addresses, free_addresses

HANG_UP = "/v2/models/hang_up/generate"


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of connections that HAProxy cuts."""


@dataclass(frozen=True)
class _Recorder(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Answers every method with an empty message."""

    received: list[tuple[str, bytes, Mapping[str, str]]]

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        def answer(message: bytes, _: grpc.ServicerContext) -> bytes:
            self.received.append((details.method, message, {}))
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


@dataclass(frozen=True)
class Replica:
    """A server that is live but not ready, as Triton is after a load that failed. It hangs up on some requests."""

    addresses: Addresses = field(default_factory=free_addresses)
    received: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator[None]:
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(200 if self.path == "/v2/health/live" else 400)

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:
                    return
                received.append((self.path, body, dict(self.headers)))
                self.close_connection = self.path == HANG_UP
                if not self.close_connection:
                    self._answer(200)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        grpc_server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", -1)])
        grpc_server.add_generic_rpc_handlers([_Recorder(received)])
        grpc_server.add_insecure_port(self.addresses.grpc.removeprefix("grpc://"))
        grpc_server.start()
        server = _QuietServer((self.addresses.address, self.addresses.http_port), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            grpc_server.stop(None)
