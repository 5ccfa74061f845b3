from __future__ import annotations

import http.server
import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from cronnx import Client, CronnxError
from cronnx_server.errors import AddressError
from cronnx_server.exporter.collector import ServerCollector, export, read_state
from cronnx_server.exporter.metrics import ModelVersion, ServerState
from cronnx_server.serve.addresses import free_addresses

INDEX = [
    {"name": "network", "version": "1", "state": "READY"},
    {"name": "network", "version": "2", "state": "LOADING"},
    {"name": "photos", "version": "1", "state": "READY"},
    {"name": "broken", "version": "1", "state": "UNAVAILABLE", "reason": "Internal: not today"},
    {"name": "removed", "version": "1", "state": "UNAVAILABLE", "reason": "unloaded"},
    {"name": "never_loaded"},
]
STATISTICS = {
    "model_stats": [
        {
            "name": "network",
            "version": "1",
            "batch_stats": [
                {"batch_size": 1, "compute_infer": {"count": 7, "ns": 1}},
                {"batch_size": 16, "compute_infer": {"count": 2, "ns": 1}},
            ],
        },
        {"name": "photos", "version": "1"},
    ]
}
STEPS = {"step": [{"model_name": "preprocess"}, {"model_name": "network"}]}
STATE = ServerState(
    is_ready=True,
    ready={
        ModelVersion("network", "1"): True,
        ModelVersion("network", "2"): False,
        ModelVersion("photos", "1"): True,
        ModelVersion("broken", "1"): False,
    },
    batches={ModelVersion("network", "1"): {1: 7, 16: 2}, ModelVersion("photos", "1"): {}},
    steps={"network": [], "photos": ["preprocess", "network"]},
)


def metadata(name: str) -> dict[str, Any]:
    return {"name": name, "versions": ["1"], "platform": "", "inputs": [], "outputs": []}


@pytest.fixture
def answers() -> dict[str, Any]:
    """What a server answers, by path."""
    return {
        "/v2/health/ready": {},
        "/v2/repository/index": INDEX,
        "/v2/models/stats": STATISTICS,
        "/v2/models/network": metadata("network"),
        "/v2/models/network/config": {"backend": "onnxruntime"},
        "/v2/models/photos": metadata("photos"),
        "/v2/models/photos/config": {"platform": "ensemble", "ensemble_scheduling": STEPS},
    }


@pytest.fixture
def client(answers: dict[str, Any]) -> Iterator[Client]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            known = self.path in answers
            answer = answers[self.path] if known else {"error": f"Request for unknown model '{self.path}'"}
            self.send_response(200 if known else 400)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with Client(f"http://127.0.0.1:{server.server_port}") as client:
            yield client
        server.shutdown()
        thread.join()


def test_the_state_of_a_server_leaves_out_what_nobody_wants_loaded(client: Client) -> None:
    assert read_state(client) == STATE


def test_a_model_that_is_unloaded_after_it_was_listed_has_no_steps(client: Client, answers: dict[str, Any]) -> None:
    del answers["/v2/models/photos/config"]
    assert read_state(client).steps == {"network": [], "photos": []}


def test_a_server_that_is_reached_may_not_be_ready(client: Client, answers: dict[str, Any]) -> None:
    del answers["/v2/health/ready"]
    assert read_state(client).is_ready is False


def test_without_the_key_of_the_list_what_runs_is_exported_and_the_reason_is_logged_once(
    client: Client, answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    del answers["/v2/repository/index"]
    state = read_state(client)
    assert state.is_ready
    assert state.ready == {ModelVersion("network", "1"): True, ModelVersion("photos", "1"): True}
    collector = ServerCollector(client)
    for _ in range(2):
        assert next(iter(collector.collect())).samples[0].value == 1.0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("exporter: model_ready has only versions that are ready: ")


def test_a_server_that_is_not_there_is_exported_as_not_ready() -> None:
    with Client(free_addresses().http, timeout_s=5) as client:
        with pytest.raises(CronnxError):
            read_state(client)
        with export(ServerCollector(client), address="127.0.0.1", port=0) as url, urllib.request.urlopen(url) as answer:
            assert "\nserver_ready 0.0\n" in answer.read().decode()


def test_a_port_that_is_taken_is_refused_by_its_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, Client("http://127.0.0.1:1") as client:
        port = taken.getsockname()[1]
        with (
            pytest.raises(AddressError, match=f"cannot listen on 127.0.0.1 port {port}: .*--port"),
            export(ServerCollector(client), address="127.0.0.1", port=port),
        ):
            pass
