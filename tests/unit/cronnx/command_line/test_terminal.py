"""What goes to standard output and to standard error, with and without a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.unit.cronnx.command_line import child
from tests.unit.cronnx.command_line.fake_server import SERVED_BY

ROOT = Path(__file__).parents[4]

pytestmark = pytest.mark.usefixtures("folder")


def run(*arguments: str, terminals: str, exit_code: int = 0) -> tuple[str, str]:
    """Return standard output and error; those named in `terminals` are terminals of 80 columns."""
    pairs = {name: _terminal() if name in terminals else os.pipe() for name in ("stdout", "stderr")}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": ""}
    command = [sys.executable, "-m", child.__name__, *arguments]
    ended = subprocess.run(
        command,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        **{name: end for name, (_, end) in pairs.items()},
    )
    assert ended.returncode == exit_code
    stdout, stderr = (_content(*pair) for pair in pairs.values())
    return stdout, stderr


def _terminal() -> tuple[int, int]:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    return ours, theirs


def _content(ours: int, theirs: int) -> str:
    os.close(theirs)
    content = b""
    with contextlib.suppress(OSError):  # how a terminal ends
        while chunk := os.read(ours, 4096):
            content += chunk
    os.close(ours)
    return content.decode().replace("\r\n", "\n")


def test_on_a_terminal_a_table_fits_it_and_nothing_is_between_its_lines() -> None:
    stdout, stderr = run("predict", "a.jpg", "x" * 200 + ".jpg", terminals="stdout stderr")
    assert [len(line) <= 80 for line in stdout.splitlines()] == [True, True]
    assert "…" in stdout
    assert re.fullmatch(r"cronnx: 2 answered, 0 failed in \d+\.\d s\n", stderr)


def test_progress_goes_to_the_terminal_and_the_answers_to_the_pipe() -> None:
    stdout, stderr = run("predict", "a.jpg", "b.jpg", terminals="stderr")
    assert stdout.splitlines() == [f"{name}.jpg  {name}{' ' * 34}50.0%  {SERVED_BY}" for name in "ab"]
    assert "fake progress of 2" in stderr


def test_progress_has_no_total_while_standard_input_may_name_more_images() -> None:
    stdout, stderr = run("predict", "a.jpg", "-", terminals="stderr")
    assert len(stdout.splitlines()) == 1
    assert "fake progress of None" in stderr


def test_with_a_file_the_terminal_shows_progress_alone() -> None:
    stdout, stderr = run("predict", "a.jpg", "--output", "results.jsonl", terminals="stdout stderr")
    assert stdout == ""
    assert "fake progress" in stderr
    assert stderr.endswith("cronnx: results.jsonl: 1 added, 0 already there, 0 failed\n")


def test_without_a_terminal_there_is_no_progress() -> None:
    _, stderr = run("predict", "a.jpg", terminals="")
    assert stderr == ""


def test_on_a_terminal_statistics_go_on_until_there_are_none() -> None:
    stdout, stderr = run("stats", "--interval", "0.001", terminals="stdout", exit_code=3)
    assert stdout.count("MODEL") >= 2
    assert stderr == "cronnx: nobody there\n"


def test_without_a_terminal_statistics_cover_one_interval() -> None:
    stdout, _ = run("stats", "--interval", "0.001", terminals="")
    assert stdout.count("MODEL") == 1


def test_on_a_terminal_wide_tables_fit_it_without_losing_text() -> None:
    named = [part for url in ("http://a:1", "http://b:1") for part in ("--url", f"{url}{'0' * 70}")]
    stdout, _ = run("models", *named, terminals="stdout")
    assert max(map(len, stdout.splitlines())) <= 80
    assert "".join(stdout.split()).count("0") == 4 * 70
