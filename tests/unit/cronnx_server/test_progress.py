"""A step is one line in a log, and a line that moves on a terminal."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable

import pytest

from cronnx_server import progress

SCRIPT = """
import time
from cronnx_server import progress

class Counted(progress.Step):
    count = 0
    def frame(self, width):
        self.count += 1
        return super().frame(width)

progress.Step = Counted

with progress.running("Working") as step:
    step.detail("half")
    while progress._is_live() and step.count < 3:
        time.sleep(progress.FRAME_S)
    progress.line("a line of the log")
progress.step("Done")
"""


def on_a_terminal(**variables: str) -> str:
    """What a program that works on a terminal writes to it."""
    reading, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", **variables}
    environment.pop("NO_COLOR", None) if "NO_COLOR" not in variables else None
    written = b""
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stderr=terminal, env=environment) as program:
        os.close(terminal)
        with contextlib.suppress(OSError):  # Linux says so when nobody has the terminal open any more
            while part := os.read(reading, 4096):
                written += part
    os.close(reading)
    assert program.returncode == 0
    return written.decode()


def test_in_a_log_a_step_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.running("Working") as step:
        step.detail("half")
    progress.step("Done")
    assert capsys.readouterr().err == "==> Working\n==> Done\n"


def test_on_a_terminal_a_line_moves_and_leaves_no_trace() -> None:
    written = on_a_terminal()
    frames = [frame for frame in written.split("\r\x1b[K") if "Working · half" in frame]
    assert len({frame[:10] for frame in frames}) > 1, "it moves"
    assert "\x1b[36m" in written
    assert written.endswith("\r\x1b[K==> Done\r\n")


def test_other_lines_are_printed_above_the_moving_one() -> None:
    assert "\r\x1b[Ka line of the log\r\n" in on_a_terminal()


def test_no_color_is_respected() -> None:
    assert "\x1b[36m" not in on_a_terminal(NO_COLOR="1")


def test_a_dumb_terminal_gets_plain_lines() -> None:
    assert "\x1b" not in on_a_terminal(TERM="dumb")


@pytest.mark.parametrize(("width", "shown"), [(80, "⠋ Working · half · 3 s"), (12, "⠋ Working …")])
def test_a_moving_line_says_what_and_how_long_and_fits_the_terminal(width: int, shown: str) -> None:
    times: Callable[[], float] = iter([0.0, 3.2]).__next__
    step = progress.Step("Working", clock=times)
    step.detail("half")
    assert step.frame(width) == shown


def test_lines_of_another_format_take_the_place_of_text(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stderr", printed)
    monkeypatch.setattr(progress, "_FORMAT", [*progress._FORMAT])
    progress.use_format('{{"message": "{}"}}'.format)
    with progress.running("Working"):
        pass
    assert printed.getvalue() == '{"message": "Working"}\n'
