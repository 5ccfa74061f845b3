"""What a contender's processes use together: a server and the stubs it has started."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from cronnx_server.errors import SetupError


class Family:
    """Processes and those they have started."""

    def __init__(self, pids: Sequence[int]) -> None:
        """Name the processes; those they start are looked up whenever they are needed."""
        self._pids = tuple(pids)

    def pids(self) -> frozenset[int]:
        """Of those that live."""
        try:
            return frozenset(each.pid for each in self._members() if each.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:  # one of those named has ended, and nobody can tell any more whom it had started
            return frozenset()

    def cpu_s(self) -> float:
        """CPU time so far, of the kernel's work for them too.

        Raises:
            SetupError: one of them has ended.
        """
        with _alive():
            times = [process.cpu_times() for process in self._members()]
        return float(sum(each.user + each.system for each in times))

    def pss_bytes(self) -> int:
        """Memory now, each shared page divided by those who share it: the proportional set size.

        Raises:
            SetupError: one of them has ended.
        """
        with _alive():
            return sum(_rolled_up_bytes(process.pid, "Pss") for process in self._members())

    def shared_memory_bytes(self) -> int:
        """Of that, what is shared memory: by it, tensors pass between the server and its stubs.

        Raises:
            SetupError: one of them has ended.
        """
        with _alive():
            return sum(_rolled_up_bytes(process.pid, "Pss_Shmem") for process in self._members())

    def descriptors(self) -> int:
        """Open files, sockets and the like.

        Raises:
            SetupError: one of them has ended.
        """
        with _alive():
            return sum(process.num_fds() for process in self._members())

    def _members(self) -> Iterator[psutil.Process]:
        for pid in self._pids:
            process = psutil.Process(pid)
            yield process
            yield from process.children(recursive=True)


@contextlib.contextmanager
def _alive() -> Iterator[None]:
    try:
        yield
    except psutil.NoSuchProcess as error:
        raise SetupError(f"process {error.pid}, which is measured, has ended by itself; its log says why") from error


def _rolled_up_bytes(pid: int, field: str) -> int:
    """The kernel's sum, which costs less than adding up every mapping; Linux `Documentation/filesystems/proc.rst`."""
    with contextlib.suppress(OSError):  # it has ended meanwhile
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0
