from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from cronnx import Retry
from cronnx.command_line import main
from tests.unit.cronnx.command_line.fake_server import FakeServer

Output = pytest.CaptureFixture[str]
Command = Callable[[list[str]], int]


def test_every_address_has_its_own_line(cronnx: Command, capsys: Output, server: FakeServer) -> None:
    assert cronnx(["ping", "--url", "grpc://a:1", "--url", "http://b:2"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"grpc://a:1  live  ready  \d+\.\d ms", first)
    assert second.startswith("http://b:2  ")
    assert [url for url, _ in server.connections] == ["grpc://a:1", "http://b:2"]


def test_a_ping_is_sent_once(cronnx: Command, server: FakeServer) -> None:
    cronnx(["ping"])
    assert server.connections[0][1]["retry"] == Retry(attempts=1)


def test_a_server_that_is_live_but_not_ready_is_a_failure_that_says_so(
    cronnx: Command, capsys: Output, server: FakeServer
) -> None:
    server.is_ready = False
    assert cronnx(["ping"]) == 3
    assert "live, but not ready" in capsys.readouterr().err


def test_a_server_that_does_not_answer_is_reported_with_the_cause_in_few_words(
    capsys: Output, deserted_address: str
) -> None:
    assert main(["ping", "--url", f"grpc://{deserted_address}", "--url", f"http://{deserted_address}"]) == 3
    output = capsys.readouterr()
    assert output.out == ""
    for line, scheme in zip(output.err.splitlines(), ("grpc", "http"), strict=True):
        assert line.startswith(f"cronnx: cannot reach {scheme}://{deserted_address}: connection refused")
        assert len(line) < 200


def test_json_is_one_document(cronnx: Command, capsys: Output, server: FakeServer) -> None:
    assert cronnx(["ping", "--json", "--url", "http://a:1"]) == 0
    (pong,) = json.loads(capsys.readouterr().out)["servers"]
    assert pong.pop("round_trip_ms") >= 0
    assert pong == {"url": "http://a:1", "live": True, "ready": True, "error": None}
    server.is_up = False
    assert cronnx(["ping", "--json", "--url", "http://a:1"]) == 3
    (pong,) = json.loads(capsys.readouterr().out)["servers"]
    gone = {"live": False, "ready": False, "round_trip_ms": None, "error": "nobody there"}
    assert pong == {"url": "http://a:1", **gone}
