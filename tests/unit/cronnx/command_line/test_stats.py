from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.unit.cronnx.command_line.fake_server import FakeServer
from tests.unit.cronnx.command_line.test_rates import AFTER, BEFORE, reading

Output = pytest.CaptureFixture[str]
Command = Callable[[list[str]], int]


@pytest.fixture(autouse=True)
def readings(server: FakeServer) -> None:
    server.readings = [[BEFORE, reading("idle")], [AFTER, reading("idle")]]


def test_one_interval_is_a_table(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["stats", "--interval", "0.001"]) == 0
    headings, idle, net = capsys.readouterr().out.splitlines()
    assert headings.split()[:3] == ["MODEL", "VERSION", "INFER/S"]
    assert idle.split() == ["idle", "1", "0.0", "0.0", "-", "-", "-", "-", "-", "0.0"]
    assert net.split()[4:9] == ["4.00", "100", "1", "2000", "3"]


def test_json_is_an_object_a_line(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["stats", "--interval", "0.001", "--json"]) == 0
    idle, net = map(json.loads, capsys.readouterr().out.splitlines())
    assert (idle["name"], idle["infer_us"]) == ("idle", None)
    assert (net["average_batch"], net["infer_us"]) == (4, 2000)


def test_one_model_alone_is_shown_where_it_is_named(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["stats", "net", "--interval", "0.001", "--once"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["MODEL", "net"]
