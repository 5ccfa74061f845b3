"""Processes as Linux's /proc lists them, and how they ended."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
NAME_LENGTH = 15  # the kernel cuts longer names


class Process(NamedTuple):
    """A process.

    Attributes:
        name: The first `NAME_LENGTH` characters of its program's name; empty if it is gone.
        is_dead: Whether it has ended and its parent has not collected it.
    """

    name: str
    is_dead: bool


def process(pid: int, *, proc: Path = PROC) -> Process:
    """The process with this ID."""
    try:
        name, _, rest = (proc / str(pid) / "stat").read_text(errors="replace").partition("(")[2].rpartition(")")
    except OSError:
        return Process("", is_dead=False)
    return Process(name, is_dead=rest.split()[0] == "Z")


def exit_status(returncode: int) -> int:
    """A status as shells report it: 128 + N for a process that signal N ended, which is -N in Python."""
    return returncode if returncode >= 0 else 128 - returncode


def children(pid: int, *, proc: Path = PROC) -> set[int]:
    """The IDs of the processes that a process has started."""
    found: set[int] = set()
    for thread in proc.glob(f"{pid}/task/*/children"):
        with contextlib.suppress(OSError):  # the thread has ended
            found |= set(map(int, thread.read_text().split()))
    return found
