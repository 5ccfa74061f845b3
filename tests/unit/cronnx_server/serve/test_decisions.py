"""Which decisions are kept, made again and forgotten."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cronnx import CronnxError
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.decisions import Decisions

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

    def answer(self, path: str) -> Any:
        self.asked.append(path)
        if path == "/v2/repository/index":
            return [{"name": name, "version": "1", "state": "READY"} for name in self.configs]
        return self.configs[path.split("/")[3]]


class FakeClient:
    """Records what is made again."""

    made: ClassVar[list[tuple[Any, ...]]] = []
    error: ClassVar[CronnxError | None] = None

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def promote(self, name: str, version: str) -> None:
        self._make(name, version)

    def split(self, name: str, weights: Mapping[str, float]) -> None:
        self._make(name, dict(weights))

    def _make(self, *change: Any) -> None:
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
            self.send_response(200)
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
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    monkeypatch.setattr("cronnx_server.serve.decisions.Client", FakeClient)
    monkeypatch.setattr(FakeClient, "made", [])
    monkeypatch.setattr(FakeClient, "error", None)
    return FakeClient.made


@pytest.fixture
def decisions(addresses: Addresses, tmp_path: Path, made: list[tuple[Any, ...]]) -> Decisions:  # noqa: ARG001 - no server
    return Decisions(addresses, folder=tmp_path / "decisions")


def kept(decisions: Decisions) -> Any:
    path = Path(decisions.environment["CRONNX_DECISIONS"])
    return json.loads(path.read_text()) if path.exists() else None


def decide(decisions: Decisions, triton: FakeTriton) -> None:
    triton.configs |= {"photos": ensemble("2", configured="1"), "ab": router(DECIDED, configured=ARMS)}
    decisions.look()


def test_nothing_is_written_where_nothing_was_decided(decisions: Decisions, triton: FakeTriton) -> None:
    triton.configs |= {"photos": ensemble("1"), "ab": router(ARMS), "undone": ensemble("1", configured="1")}
    decisions.look()
    assert kept(decisions) is None


def test_a_promotion_and_a_split_are_kept_and_made_again_when_they_are_gone(
    decisions: Decisions, triton: FakeTriton, made: list[tuple[Any, ...]]
) -> None:
    decide(decisions, triton)
    expected = {"photos": {"configured": "1", "in_force": "2"}, "ab": {"configured": ARMS, "in_force": DECIDED}}
    assert (kept(decisions), made) == (expected, [])
    triton.configs |= {"photos": ensemble("1"), "ab": router(ARMS)}
    decisions.look()
    assert kept(decisions) == expected
    assert sorted(made) == [("ab", {"net/2": 100.0}), ("photos", "2")]


def test_what_is_undone_is_forgotten(decisions: Decisions, triton: FakeTriton, made: list[tuple[Any, ...]]) -> None:
    decide(decisions, triton)
    triton.configs |= {"photos": ensemble("1", configured="1"), "ab": router(ARMS, configured=ARMS)}
    decisions.look()
    assert (kept(decisions), made) == (None, [])


def test_a_file_that_says_something_new_ends_a_decision_and_the_log_says_so(
    decisions: Decisions, triton: FakeTriton, made: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    decide(decisions, triton)
    triton.configs |= {"photos": ensemble("3"), "ab": router("net/1=50 net/2=50")}
    decisions.look()
    assert (kept(decisions), made) == (None, [])
    assert "photos serves 3 as its config.pbtxt now says, instead of 2" in capsys.readouterr().err


def test_a_decision_about_a_model_that_is_not_loaded_stays(decisions: Decisions, triton: FakeTriton) -> None:
    decide(decisions, triton)
    del triton.configs["photos"]
    decisions.look()
    assert kept(decisions).keys() == {"photos", "ab"}


def test_what_cannot_be_made_again_stays_and_is_not_tried_at_every_look(
    decisions: Decisions, triton: FakeTriton, made: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    decide(decisions, triton)
    FakeClient.error = CronnxError("net/2 is not loaded")
    triton.configs["photos"] = ensemble("1")
    for _ in range(3):
        decisions.look()
    assert made == [("photos", "2")]
    assert "photos" in kept(decisions)
    assert "photos does not serve 2 as decided: net/2 is not loaded" in capsys.readouterr().err


def test_a_model_about_which_nothing_can_be_decided_is_read_once(decisions: Decisions, triton: FakeTriton) -> None:
    for _ in range(3):
        decisions.look()
    assert triton.asked.count("/v2/models/net/config") == 1
