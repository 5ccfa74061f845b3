"""Which decisions are kept, made again and forgotten."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cronnx import Client, CronnxError, Promotion
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.decisions import Decisions
from cronnx_server.serve.process import ServerProcess

ARMS, DECIDED = "net/1=90 net/2=10", "net/2=100.0"


def ensemble(version: str, configured: str = "") -> dict[str, Any]:
    step = [{"model_name": "preprocess"}, {"model_name": "net", "model_version": int(version)}]
    return {"ensemble_scheduling": {"step": step}, "parameters": parameters(configured=configured)}


def router(arms: str, configured: str = "") -> dict[str, Any]:
    return {"backend": "router", "parameters": parameters(arms=arms, configured=configured)}


def parameters(**values: str) -> dict[str, Any]:
    return {name: {"string_value": value} for name, value in values.items() if value}


class FakeTriton:
    """Answers the index and the configurations of its models."""

    def __init__(self) -> None:
        self.configs: dict[str, Mapping[str, Any]] = {"net": {"backend": "onnxruntime"}}
        self.asked: list[str] = []
        self.failures, self.status = 0, 200

    def answer(self, path: str) -> Any:
        self.asked.append(path)
        if path == "/v2/health/ready":
            return {}
        if path == "/v2/repository/index":
            self.status = 503 if self.failures else 200
            self.failures = max(0, self.failures - 1)
            return [{"name": name, "version": "1", "state": "READY"} for name in self.configs]
        return self.configs[path.split("/")[3]]


class FakeClient(Client):
    """Records what is made again."""

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] = []
        self.error: CronnxError | None = None

    def promote(self, model_name: str, model_version: str, *, timeout_s: float | None = None) -> Promotion:  # noqa: ARG002 - the client's
        self._make(model_name, model_version)
        return Promotion(model_name, model_version, None)

    def split(
        self,
        model_name: str,
        weights: Mapping[str, float],
        *,
        timeout_s: float | None = None,  # noqa: ARG002 - the client's
    ) -> dict[str, float]:
        self._make(model_name, dict(weights))
        return dict(weights)

    def _make(self, *change: object) -> None:
        self.made.append(change)
        if self.error:
            raise self.error


@pytest.fixture
def triton() -> FakeTriton:
    return FakeTriton()


@pytest.fixture
def addresses(triton: FakeTriton) -> Iterator[Addresses]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(triton.answer(self.path)).encode()
            self.send_response(triton.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Addresses(http_port=server.server_port)
        server.shutdown()
        thread.join()


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def decisions(addresses: Addresses, tmp_path: Path) -> Decisions:
    return Decisions(addresses, folder=tmp_path / "decisions")


class FakeServer(ServerProcess):
    """A server that lives for some waits; before one of them, its log says that a model was loaded."""

    def __init__(self, *, waits: int, loads_at: int) -> None:
        self._waits, self._loads_at = iter(range(waits)), loads_at
        self.ended = threading.Event()

    def ends_within(self, timeout_s: float) -> bool:  # noqa: ARG002 - the waits take no time
        wait = next(self._waits, None)
        if wait is None:
            self.ended.set()
        elif wait == self._loads_at:
            self.loaded_at_s = time.monotonic()
        return wait is None


def kept(decisions: Decisions) -> Any:
    path = Path(decisions.environment["CRONNX_DECISIONS"])
    return json.loads(path.read_text()) if path.exists() else None


def decide(decisions: Decisions, triton: FakeTriton, client: FakeClient) -> None:
    triton.configs |= {"photos": ensemble("2", configured="1"), "ab": router(DECIDED, configured=ARMS)}
    decisions.look(client)


def test_nothing_is_written_where_nothing_was_decided(
    decisions: Decisions, triton: FakeTriton, client: FakeClient
) -> None:
    triton.configs |= {"photos": ensemble("1"), "ab": router(ARMS), "undone": ensemble("1", configured="1")}
    decisions.look(client)
    assert kept(decisions) is None


def test_a_promotion_and_a_split_are_kept_and_made_again_when_they_are_gone(
    decisions: Decisions, triton: FakeTriton, client: FakeClient
) -> None:
    decide(decisions, triton, client)
    expected = {"photos": {"configured": "1", "in_force": "2"}, "ab": {"configured": ARMS, "in_force": DECIDED}}
    assert (kept(decisions), client.made) == (expected, [])
    triton.configs |= {"photos": ensemble("1"), "ab": router(ARMS)}
    decisions.look(client)
    assert kept(decisions) == expected
    assert sorted(client.made) == [("ab", {"net/2": 100.0}), ("photos", "2")]


def test_what_is_undone_is_forgotten(decisions: Decisions, triton: FakeTriton, client: FakeClient) -> None:
    decide(decisions, triton, client)
    triton.configs |= {"photos": ensemble("1", configured="1"), "ab": router(ARMS, configured=ARMS)}
    decisions.look(client)
    assert (kept(decisions), client.made) == (None, [])


def test_a_file_that_says_something_new_ends_a_decision_and_the_log_says_so(
    decisions: Decisions, triton: FakeTriton, client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    decide(decisions, triton, client)
    triton.configs |= {"photos": ensemble("3"), "ab": router("net/1=50 net/2=50")}
    decisions.look(client)
    assert (kept(decisions), client.made) == (None, [])
    assert "photos serves 3 as its config.pbtxt now says, instead of 2" in capsys.readouterr().err


def test_a_decision_about_a_model_that_is_not_loaded_stays(
    decisions: Decisions, triton: FakeTriton, client: FakeClient
) -> None:
    decide(decisions, triton, client)
    del triton.configs["photos"]
    decisions.look(client)
    assert kept(decisions).keys() == {"photos", "ab"}


def test_what_cannot_be_made_again_stays_and_is_not_tried_at_every_look(
    decisions: Decisions, triton: FakeTriton, client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    decide(decisions, triton, client)
    client.error = CronnxError("net/2 is not loaded")
    triton.configs["photos"] = ensemble("1")
    for _ in range(3):
        decisions.look(client)
    assert client.made == [("photos", "2")]
    assert "photos" in kept(decisions)
    assert "photos does not serve 2 as decided: net/2 is not loaded" in capsys.readouterr().err


def test_a_model_about_which_nothing_can_be_decided_is_read_once(
    decisions: Decisions, triton: FakeTriton, client: FakeClient
) -> None:
    for _ in range(3):
        decisions.look(client)
    assert triton.asked.count("/v2/models/net/config") == 1


@pytest.mark.parametrize(("loads_at", "is_looked_at_again"), [(9, False), (2, True)])
def test_a_server_is_looked_at_again_when_a_model_was_loaded(
    decisions: Decisions, triton: FakeTriton, loads_at: int, is_looked_at_again: bool
) -> None:
    server = FakeServer(waits=5, loads_at=loads_at)
    decisions.follow(server)
    assert server.ended.wait(30)
    assert (triton.asked.count("/v2/repository/index") > 1) is is_looked_at_again


def test_a_server_that_has_other_things_to_do_is_looked_at_again(decisions: Decisions, triton: FakeTriton) -> None:
    triton.failures = 2
    server = FakeServer(waits=5, loads_at=9)
    decisions.follow(server)
    assert server.ended.wait(30)
    assert triton.asked.count("/v2/repository/index") == 3
