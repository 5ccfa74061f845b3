"""A server whose answers a test chooses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

ENSEMBLE = {
    "name": "photos",
    "max_batch_size": 4,
    "input": [
        {"name": "image", "data_type": "TYPE_STRING", "dims": [1]},
        {"name": "user_id", "data_type": "TYPE_STRING", "dims": [1], "optional": True},
    ],
    "ensemble_scheduling": {"step": [{"model_name": "preprocess"}, {"model_name": "network"}]},
}
PREPROCESS = {**ENSEMBLE, "name": "preprocess", "ensemble_scheduling": {}, "instance_group": [{"count": 3}]}
NETWORK = {
    "name": "network",
    "max_batch_size": 4,
    "input": [{"name": "pixels", "data_type": "TYPE_UINT8", "dims": [2, 2, 3]}],
    "instance_group": [{"count": 1}],
}


@dataclass
class FakeTriton:
    """Answers as the protocol says, and records the requests.

    Attributes:
        states: The state of each model, followed by a reason.
        configs: The configuration of each model.
        answers: A status and a body by path, in place of the protocol's.
        silent: Paths that are answered only after `release`.
        release: Lets the paths in `silent` answer.
        requests: The path, the body and the headers of each request.
    """

    url: str = ""
    states: dict[str, str] = field(default_factory=lambda: dict.fromkeys(("photos", "preprocess", "network"), "READY"))
    configs: dict[str, Any] = field(
        default_factory=lambda: deepcopy({each["name"]: each for each in (ENSEMBLE, PREPROCESS, NETWORK)})
    )
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    release: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    def inferred(self) -> list[str]:
        """The models that ran, in order."""
        return [path.split("/")[3] for path, _, _ in self.requests if path.endswith("/infer")]

    def answer(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        self.requests.append((path, body, headers))
        if path in self.silent:
            self.release.wait()
        if path in self.answers:
            return self.answers[path]
        if path == "/v2/repository/index":
            entries = [(name, *state.partition(" ")[::2]) for name, state in self.states.items()]
            index = [{"name": name, "state": state, "reason": reason} for name, state, reason in entries]
            return 200, json.dumps([{k: v for k, v in entry.items() if v} for entry in index]).encode()
        if path.endswith("/config"):
            return 200, json.dumps(self.configs[path.split("/")[3]]).encode()
        return 200, b"{}"


@pytest.fixture
def triton() -> Iterator[FakeTriton]:
    fake = FakeTriton()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one piece, or its reader waits for the next

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = fake.answer(self.path, body, dict(self.headers))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        fake.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield fake
        fake.release.set()
        server.shutdown()
