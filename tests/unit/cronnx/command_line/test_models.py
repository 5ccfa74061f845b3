from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cronnx import ConnectionFailed, ModelStatus, StepInfo
from cronnx.command_line import main
from tests.unit.cronnx.command_line.fake_server import FakeClient, FakeServer

Output = pytest.CaptureFixture[str]
Command = Callable[[list[str]], int]


def test_models_are_a_table_in_order_of_their_names(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["models"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "NAME  VERSION  STATE        USED BY  REASON",
        "a              UNAVAILABLE           unloaded",
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
    assert [each["used_by"] for each in json.loads(capsys.readouterr().out)["models"]] == [[], [], ["e"], []]


def test_models_are_one_document_as_json(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["models", "--json", "--url", "http://a:1"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["models", "errors"]
    assert (len(document["models"]), document["errors"]) == (2, [])
    a = {"name": "a", "version": "", "state": "UNAVAILABLE", "reason": "unloaded", "used_by": []}
    assert document["models"][0] == {"server": "http://a:1", **a}


def test_the_models_of_every_server_are_listed(
    cronnx: Command, capsys: Output, monkeypatch: pytest.MonkeyPatch, server: FakeServer
) -> None:
    monkeypatch.setenv("CRONNX_URL", "http://a:1, http://b:1 http://a:1")
    assert cronnx(["models"]) == 0
    lines = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert lines == [["SERVER", "NAME"], *([url, name] for url in ("http://a:1", "http://b:1") for name in "ab")]
    assert [url for url, _ in server.connections] == ["http://a:1", "http://b:1"]


def test_a_server_that_does_not_answer_is_reported_and_the_others_are_listed(
    capsys: Output, server: FakeServer
) -> None:
    def connect(url: str, **arguments: object) -> FakeClient:
        return (gone if url == "http://b:1" else server).connect(url, **arguments)

    gone = FakeServer()
    gone.is_up = False
    assert main(["models", "--json", "--url", "http://a:1", "--url", "http://b:1"], connect=connect) == 1  # type: ignore[arg-type]
    output = capsys.readouterr()
    document = json.loads(output.out)
    assert {each["server"] for each in document["models"]} == {"http://a:1"}
    assert document["errors"] == [{"server": "http://b:1", "error": "nobody there"}]
    assert output.err == "cronnx: http://b:1: nobody there\n"


@pytest.mark.parametrize("command", ["load", "unload"])
def test_every_named_model_is_changed_and_printed(
    cronnx: Command, capsys: Output, server: FakeServer, command: str
) -> None:
    assert cronnx([command, "a", "b"]) == 0
    assert capsys.readouterr().out == f"a  {command}ed\nb  {command}ed\n"
    assert server.commands == [(command, "a"), (command, "b")]


@pytest.mark.parametrize("command", ["load", "unload"])
def test_a_model_that_cannot_be_changed_is_reported_and_the_others_continue(
    cronnx: Command, capsys: Output, command: str
) -> None:
    assert cronnx([command, "nosuch", "a"]) == 1
    output = capsys.readouterr()
    assert output.out == f"a  {command}ed\n"
    assert output.err.startswith("cronnx: nosuch: no model ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["models"],
        ["load", "a", "b"],
        ["unload", "a"],
        ["promote", "a", "1"],
        ["rollback", "a"],
        ["reset", "a"],
        ["split", "a", "1=1"],
        ["stats"],
        ["bench"],
        ["ping"],
    ],
)
def test_without_a_server_every_command_ends_with_3(
    cronnx: Command, capsys: Output, server: FakeServer, arguments: list[str]
) -> None:
    server.is_up = False
    assert cronnx(arguments) == 3
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)


def test_a_promotion_prints_the_live_version(cronnx: Command, capsys: Output, server: FakeServer) -> None:
    assert cronnx(["promote", "b", "2"]) == 0
    assert cronnx(["rollback", "b"]) == 0
    assert capsys.readouterr().out == "b  version 2 is live (rollback: 1)\nb  version 1 is live\n"
    assert server.commands == [("promote", "b", "2"), ("rollback", "b")]


def test_a_split_prints_the_weight_of_every_arm(cronnx: Command, capsys: Output, server: FakeServer) -> None:
    assert cronnx(["split", "b", "1=90", "2=10.5"]) == 0
    assert capsys.readouterr().out == "b  b_onnx/1=90 b_onnx/2=10.5\n"
    assert server.commands == [("split", "b", "1=90.0", "2=10.5")]


@pytest.mark.parametrize("weight", ["1", "=1", "1=", "1=ten"])
def test_an_invalid_weight_is_a_usage_error(cronnx: Command, capsys: Output, weight: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        cronnx(["split", "b", weight])
    assert f"expected VERSION=WEIGHT, got '{weight}'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["promote", "nosuch", "2"], ["rollback", "nosuch"], ["split", "nosuch", "1=1"]])
def test_a_refused_change_is_one_line(cronnx: Command, capsys: Output, arguments: list[str]) -> None:
    assert cronnx(arguments) == 1
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "cronnx: nosuch: no model nosuch\n")


def test_what_is_in_force_is_listed_with_what_the_files_say_instead(
    cronnx: Command, capsys: Output, server: FakeServer
) -> None:
    server.models = [ModelStatus(name, version, "READY", "") for name, version in (("b", "1"), ("b", "2"), ("e", "1"))]
    server.models.append(ModelStatus("r", "1", "READY", ""))
    server.steps["e"] = [StepInfo("b", "2")]
    server.arms["r"] = {"b/2": 100.0}
    server.configured = {"e": "1", "r": "b/1=90 b/2=10"}
    assert cronnx(["models", "--json"]) == 0
    assert [each["used_by"] for each in json.loads(capsys.readouterr().out)["models"]] == [
        ["r=0 (config.pbtxt: 90)"],
        ["e (config.pbtxt: 1)", "r=100 (config.pbtxt: 10)"],
        [],
        [],
    ]


def test_a_change_of_several_servers_names_them(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["reset", "b", "--url", "http://a:1", "--url", "http://b:1"]) == 0
    assert capsys.readouterr().out == "b  as in config.pbtxt on http://a:1, http://b:1\n"


def test_one_server_of_several_that_cannot_be_reached_is_a_failure(
    cronnx: Command, capsys: Output, server: FakeServer
) -> None:
    server.failures["b"] = ConnectionFailed("http://b:1: cannot be reached; nothing was changed")
    assert cronnx(["load", "b", "a", "--url", "http://a:1", "--url", "http://b:1"]) == 1
    output = capsys.readouterr()
    assert output.out == "a  loaded on http://a:1, http://b:1\n"
    assert output.err == "cronnx: b: http://b:1: cannot be reached; nothing was changed\n"
