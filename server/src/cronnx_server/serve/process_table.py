"""Processes as Linux's /proc lists them, and how they ended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
NAME_LENGTH = 15  # the kernel cuts longer names


class Process(NamedTuple):
    """A process.

    Attributes:
        name: The first `NAME_LENGTH` characters of its program's name.
        is_dead: Whether it has ended and its parent has not collected it.
    """

    name: str
    is_dead: bool


def children(pid: int, *, proc: Path = PROC) -> dict[int, Process]:
    """The processes that a process has started, by their IDs.

    The whole table is read: a server has more threads, each with a list of children, than a machine has processes.

    Source: proc_pid_stat(5).
    """
    return {child: process for child, parent, process in _table(str(proc)) if parent == pid}


def exit_status(returncode: int) -> int:
    """A status as shells report it: 128 + N for a process that signal N ended, which is -N in Python."""
    return returncode if returncode >= 0 else 128 - returncode


def _table(proc: str) -> Iterator[tuple[int, int, Process]]:
    # Plain names, because this runs twice a second beside every server; paths take twice as long.
    for entry in os.listdir(proc):  # noqa: PTH208
        if not entry.isdecimal():
            continue
        try:
            with open(f"{proc}/{entry}/stat", "rb", buffering=0) as file:  # noqa: PTH123
                line = file.read()
        except OSError:  # it is gone
            continue
        start, _, rest = line.rpartition(b") ")
        state, parent, _ = rest.split(b" ", 2)
        name = start.partition(b"(")[2].decode(errors="replace")
        yield int(entry), int(parent), Process(name, is_dead=state == b"Z")
