from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cronnx import ModelStatus, StepInfo
from tests.unit.cronnx.command_line.fake_server import FakeServer

Output = pytest.CaptureFixture[str]
Command = Callable[[list[str]], int]


def test_models_are_a_table_in_order_of_their_names(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["models"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "NAME  VERSION  STATE        PINNED BY  REASON",
        "a              UNAVAILABLE             unloaded",
        "b     1        READY",
    ]


def test_a_version_is_listed_with_the_ensembles_that_pin_it(
    cronnx: Command, capsys: Output, server: FakeServer
) -> None:
    server.models += [ModelStatus("b", "2", "READY", ""), ModelStatus("e", "1", "READY", "")]
    server.steps["e"] = [StepInfo("p", "-1"), StepInfo("b", "2")]
    assert cronnx(["models"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()[2:]] == [
        ["b", "1", "READY"],
        ["b", "2", "READY", "e"],
        ["e", "1", "READY"],
    ]
    assert cronnx(["models", "--json"]) == 0
    assert [json.loads(line)["pinned_by"] for line in capsys.readouterr().out.splitlines()] == [[], [], ["e"], []]


def test_models_are_an_object_a_line_as_json(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["models", "--json"]) == 0
    first, _ = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {"name": "a", "version": "", "state": "UNAVAILABLE", "reason": "unloaded", "pinned_by": []}
