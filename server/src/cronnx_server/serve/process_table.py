"""Processes as Linux's /proc lists them, and how they ended."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
NAME_LENGTH = 15  # the kernel cuts longer names
MOST_BYTES = 1024  # of 52 numbers


class Process(NamedTuple):
    """A process.

    Attributes:
        name: The first `NAME_LENGTH` characters of its program's name.
        parent: The ID of the process that started it.
        is_dead: Whether it has ended and its parent has not collected it.
    """

    name: str
    parent: int
    is_dead: bool


class Children:
    """The processes that a process has started.

    Only its children and what is new are read at each look: a process gets no other parent before its own has ended.
    An idle server is looked at once a second, so a look is made of system calls alone.

    Attributes:
        parent: The ID of the process.
    """

    def __init__(self, parent: int, *, proc: Path = PROC) -> None:
        """Prepare; `look` reads the table `proc`."""
        self.parent = parent
        self._proc = proc
        self._others: set[int] = set()

    def look(self) -> dict[int, Process]:
        """The children of now, by their IDs."""
        names = os.listdir(self._proc)  # noqa: PTH208 - a Path for each costs as much again
        listed = {int(name) for name in names if name.isdecimal()}
        self._others &= listed
        processes = {pid: _process(f"{self._proc}/{pid}/stat") for pid in listed - self._others}
        children = {pid: each for pid, each in processes.items() if each and each.parent == self.parent}
        self._others |= processes.keys() - children.keys()
        return children


def exit_status(returncode: int) -> int:
    """A status as shells report it: 128 + N for a process that signal N ended, which is -N in Python."""
    return returncode if returncode >= 0 else 128 - returncode


def _process(file: str) -> Process | None:
    """The process that a file of the table describes, if it is still there.

    Source: proc_pid_stat(5).
    """
    try:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            line = os.read(descriptor, MOST_BYTES)
        finally:
            os.close(descriptor)
    except OSError:
        return None
    start, _, rest = line.rpartition(b") ")
    state, parent, _ = rest.split(b" ", 2)
    return Process(start.partition(b"(")[2].decode(errors="replace"), int(parent), is_dead=state == b"Z")
