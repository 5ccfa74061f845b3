from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.unit.cronnx.command_line.fake_server import FakeServer

Output = pytest.CaptureFixture[str]
Command = Callable[[list[str]], int]


def test_models_are_a_table_in_order_of_their_names(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["models"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "NAME  VERSION  STATE        REASON",
        "a              UNAVAILABLE  unloaded",
        "b     1        READY",
    ]


def test_models_are_an_object_a_line_as_json(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["models", "--json"]) == 0
    first, _ = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {"name": "a", "version": "", "state": "UNAVAILABLE", "reason": "unloaded"}


@pytest.mark.parametrize("command", ["load", "unload"])
def test_every_model_named_is_changed_and_told(
    cronnx: Command, capsys: Output, server: FakeServer, command: str
) -> None:
    assert cronnx([command, "a", "b"]) == 0
    assert capsys.readouterr().out == f"a  {command}ed\nb  {command}ed\n"
    assert server.commands == [(command, "a"), (command, "b")]


@pytest.mark.parametrize("command", ["load", "unload"])
def test_a_model_that_cannot_be_changed_is_told_and_the_others_go_on(
    cronnx: Command, capsys: Output, command: str
) -> None:
    assert cronnx([command, "nosuch", "a"]) == 1
    output = capsys.readouterr()
    assert output.out == f"a  {command}ed\n"
    assert output.err.startswith("cronnx: nosuch: no model ")


@pytest.mark.parametrize("arguments", [["models"], ["load", "a", "b"], ["unload", "a"], ["stats"], ["bench"], ["ping"]])
def test_without_a_server_every_command_ends_with_3(
    cronnx: Command, capsys: Output, server: FakeServer, arguments: list[str]
) -> None:
    server.is_up = False
    assert cronnx(arguments) == 3
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
