"""An HTTP server in this process that speaks Triton's protocol, binary tensors included."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tritonclient.utils import np_to_triton_dtype

from tests.unit.cronnx import server_facts
from tests.unit.cronnx.answers import DecodingError, classify, elements, raw


@dataclass
class HttpRequest:
    """An HTTP request, split into its JSON and its binary tensors."""

    path: str
    headers: dict[str, str]
    json: dict[str, Any]
    binary: bytes

    def input_elements(self) -> list[bytes]:
        (image,) = self.json["inputs"]
        assert image["parameters"] == {"binary_data_size": len(self.binary)}
        return elements(self.binary)


@dataclass
class HttpReply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def refuse(status: int, message: str) -> HttpReply:
    return HttpReply(status, json.dumps({"error": message}).encode())


def http_answer(request: HttpRequest) -> HttpReply:
    try:
        outputs = classify(request.input_elements())
    except DecodingError as error:
        return refuse(400, str(error))
    described, binary = [], b""
    for requested in request.json["outputs"]:
        assert requested["parameters"] == {"binary_data": True}
        array = outputs[requested["name"]]
        described.append(
            {
                "name": requested["name"],
                "datatype": np_to_triton_dtype(array.dtype),
                "shape": array.shape,
                "parameters": {"binary_data_size": len(raw(array))},
            }
        )
        binary += raw(array)
    header = json.dumps({"id": request.json["id"], "outputs": described}).encode()
    return HttpReply(200, header + binary, {"Inference-Header-Content-Length": str(len(header))})


@dataclass
class HttpTriton:
    """An HTTP server in this process; set `infer` to change how it answers."""

    requests: list[HttpRequest] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    infer: Callable[[HttpRequest], HttpReply] = http_answer
    is_ready: bool = True
    released: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def always(self, status: int, body: bytes, **headers: str) -> None:
        """Give every inference the same answer; underscores in the names of headers become dashes."""
        reply = HttpReply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})
        self.infer = lambda _request: reply

    def hang(self) -> threading.Event:
        """Block every inference until the test ends; returns an event that is set when one has arrived."""
        entered = threading.Event()

        def infer(_request: HttpRequest) -> HttpReply:
            entered.set()
            self.released.wait()
            return HttpReply(503)

        self.infer = infer
        return entered

    def get(self, path: str) -> HttpReply:
        ready = {"/v2/health/live", "/v2/health/ready", f"/v2/models/{server_facts.NAME}/ready"}
        facts: dict[str, object] = {
            f"/v2/models/{server_facts.NAME}/config": server_facts.CONFIG,
            f"/v2/models/{server_facts.NAME}": server_facts.METADATA,
            f"/v2/models/{server_facts.NAME}/stats": {"model_stats": [server_facts.STATISTICS]},
            "/v2/models/stats": {"model_stats": [server_facts.STATISTICS]},
        }
        if path in facts:
            return HttpReply(200, json.dumps(facts[path]).encode())
        if path.startswith("/v2/models/") and not path.endswith("/ready"):
            return refuse(400, f"Request for unknown model: '{path.split('/')[3]}' is not found")
        return HttpReply(200 if self.is_ready and path in ready else 400)

    def command(self, path: str) -> HttpReply:
        """Answer `/v2/repository/index` and `/v2/repository/models/NAME/load` or `/unload`."""
        if path.endswith("/index"):
            return HttpReply(200, json.dumps(server_facts.INDEX).encode())
        name, command = path.split("/")[-2:]
        self.commands.append(f"{command} {name}")
        if command == "load" and name != server_facts.NAME:
            return refuse(500, f"failed to load '{name}', no reason")
        return HttpReply(200)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, _request: object, _client_address: object) -> None:
        """Print nothing: clients may hang up."""


@contextlib.contextmanager
def serve_http(context: ssl.SSLContext | None = None) -> Iterator[HttpTriton]:
    triton = HttpTriton()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._reply(triton.get(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            triton.headers.append(dict(self.headers))
            if self.path.startswith("/v2/repository/"):
                self._reply(triton.command(self.path))
                return
            json_size = int(self.headers["Inference-Header-Content-Length"])
            request = HttpRequest(self.path, dict(self.headers), json.loads(body[:json_size]), body[json_size:])
            triton.requests.append(request)
            self._reply(triton.infer(request))

        def _reply(self, reply: HttpReply) -> None:
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # the client may have hung up after its deadline
                self.wfile.write(reply.body)

        def log_message(self, *_args: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    triton.address = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    yield triton
    triton.released.set()
    server.shutdown()
    server.server_close()
