from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cronnx.command_line._options import count, counts, seconds
from tests.unit.cronnx.command_line.fake_server import FakeServer

Command = Callable[[list[str]], int]

KEY = "the-key-of-these-tests"


def keys(server: FakeServer) -> list[object]:
    return [arguments["key"] for _, arguments in server.connections]


def test_without_a_key_in_the_environment_there_is_none(cronnx: Command, server: FakeServer) -> None:
    cronnx(["models"])
    assert keys(server) == [None]


def test_the_key_comes_from_the_environment_or_from_the_key_file(
    cronnx: Command, server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRONNX_KEY", KEY)
    cronnx(["models"])
    (tmp_path / "key").write_text("the-key-of-the-file\n")
    monkeypatch.setenv("CRONNX_KEY_FILE", str(tmp_path / "key"))
    cronnx(["models"])
    assert keys(server) == [KEY, "the-key-of-the-file"]


def test_a_missing_key_file_is_a_usage_error(
    cronnx: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRONNX_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(SystemExit) as ended:
        cronnx(["models"])
    assert ended.value.code == 2
    assert "none: No such file" in capsys.readouterr().err


def test_numbers_are_read() -> None:
    assert (count("16"), counts("1, 4,16"), seconds("0.5")) == (16, [1, 4, 16], 0.5)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        *((count, text) for text in ("0", "-1", "1.5", "many", "")),
        *((counts, text) for text in ("", "1,", "1,0", "1;2")),
        *((seconds, text) for text in ("0", "-1", "inf", "nan", "soon", "")),
    ],
)
def test_an_invalid_number_is_refused(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"expected a .*, got "):
        read(text)
