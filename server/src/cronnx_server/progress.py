"""Progress on standard error: a line for each step, which moves on a terminal while the step takes place.

Every line that a command writes to standard error while a step takes place goes through `line`, so that it does not
mix with the moving one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAME_S = 0.1
_CLEARED = "\r\x1b[K"
_CYAN, _PLAIN = "\x1b[36m", "\x1b[0m"


class Step:
    """A step that takes place; `detail` says what it is at."""

    def __init__(self, text: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._text, self._clock = text, clock
        self._since_s = clock()
        self._frames = itertools.cycle(FRAMES)
        self._detail = ""

    def detail(self, text: str) -> None:
        """Show what the step is at, on a terminal only."""
        self._detail = text

    def frame(self, width: int) -> str:
        """The moving line as it is now, at most `width` wide."""
        parts = (self._text, self._detail, f"{self._clock() - self._since_s:.0f} s")
        text = f"{next(self._frames)} {' · '.join(filter(None, parts))}"
        return text if len(text) < width else f"{text[: width - 2]}…"


_LOCK = threading.RLock()
_FORMAT: list[Callable[[str], str]] = ["==> {}".format]
"""Turns a message into the line to print; the last one counts."""
_STEPS: list[Step] = []
"""The steps that take place on a terminal; the last one is shown."""


def use_format(function: Callable[[str], str]) -> None:
    """Print messages as `function` writes them, and no moving line."""
    _FORMAT.append(function)


def step(text: str) -> None:
    """Print that a step begins, or that something has happened."""
    line(_FORMAT[-1](text))


@contextlib.contextmanager
def running(text: str) -> Iterator[Step]:
    """Show a step while the block runs: a moving line on a terminal, elsewhere a line at its start."""
    current = Step(text)
    if not _is_live():
        step(text)
        yield current
        return
    ended = threading.Event()
    mover = threading.Thread(target=_move, args=(ended,), daemon=True)
    _STEPS.append(current)
    mover.start()
    try:
        yield current
    finally:
        ended.set()
        mover.join()
        with _LOCK:
            _STEPS.remove(current)
            print(_CLEARED, end="", file=sys.stderr, flush=True)


def line(text: str) -> None:
    """Print a line on standard error, above the moving line if there is one."""
    with _LOCK:
        print(f"{_CLEARED if _STEPS else ''}{text}", file=sys.stderr, flush=True)


def has_colour() -> bool:
    """Whether standard error takes colours: a terminal, unless the user's NO_COLOR or TERM=dumb says otherwise."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _is_live() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and len(_FORMAT) == 1


def _move(ended: threading.Event) -> None:
    begin, end = (_CYAN, _PLAIN) if has_colour() else ("", "")
    while not ended.wait(FRAME_S):
        with _LOCK:
            frame = _STEPS[-1].frame(shutil.get_terminal_size().columns)
            print(f"{_CLEARED}{begin}{frame[0]}{end}{frame[1:]}", end="", file=sys.stderr, flush=True)
