"""Processes as Linux's /proc lists them, and how they ended."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
NAME_LENGTH = 15  # the kernel cuts longer names


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
        listed = {int(path.name) for path in self._proc.iterdir() if path.name.isdecimal()}
        self._others &= listed
        processes = {pid: _process(self._proc / str(pid)) for pid in listed - self._others}
        children = {pid: each for pid, each in processes.items() if each and each.parent == self.parent}
        self._others |= processes.keys() - children.keys()
        return children


def exit_status(returncode: int) -> int:
    """A status as shells report it: 128 + N for a process that signal N ended, which is -N in Python."""
    return returncode if returncode >= 0 else 128 - returncode


def _process(folder: Path) -> Process | None:
    """The process that a folder of the table describes, if it is still there.

    Source: proc_pid_stat(5).
    """
    try:
        line = (folder / "stat").read_text(errors="replace")
    except OSError:
        return None
    start, _, rest = line.rpartition(") ")
    state, parent, _ = rest.split(" ", 2)
    return Process(start.partition("(")[2], int(parent), is_dead=state == "Z")
