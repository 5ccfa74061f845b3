"""Servers under test: a `tritonserver` of chosen models, and what the processes of any server use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from cronnx_lab.errors import MeasurementError
from cronnx_server import engines
from cronnx_server.serve import tritonserver
from cronnx_server.serve.addresses import Addresses, free_addresses
from cronnx_server.serve.log_lines import without_gpu_errors
from cronnx_server.serve.options import MODEL_CONTROL
from cronnx_server.serve.process import ServerProcess

QUIET = ("--log-info=false", "--log-warning=false")


class ProcessTree:
    """Processes and their descendants: a server and the stubs it starts."""

    def __init__(self, pids: Sequence[int]) -> None:
        """Take the roots of the tree; their descendants are looked up at each call.

        Args:
            pids: The process ids of the roots.
        """
        self._pids = tuple(pids)

    def pids(self) -> frozenset[int]:
        """The ids of the processes that are alive; empty once a root has exited."""
        try:
            return frozenset(each.pid for each in self._members() if each.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:  # without its root, the descendants cannot be found
            return frozenset()

    def cpu_s(self) -> float:
        """User and system CPU time so far, in seconds.

        Raises:
            MeasurementError: A process has exited.
        """
        with _alive():
            times = [process.cpu_times() for process in self._members()]
        return float(sum(each.user + each.system for each in times))

    def pss_bytes(self) -> int:
        """The proportional set size: memory in use, with each shared page divided among the processes that map it.

        Raises:
            MeasurementError: A process has exited.
        """
        with _alive():
            return sum(_rolled_up_bytes(process.pid, "Pss") for process in self._members())

    def own_bytes(self) -> int:
        """The part of `pss_bytes` that is no file.

        A library's pages are divided among all processes of the machine that map it, so that `pss_bytes` grows when
        others end.

        Raises:
            MeasurementError: A process has exited.
        """
        with _alive():
            return sum(
                _rolled_up_bytes(process.pid, "Pss") - _rolled_up_bytes(process.pid, "Pss_File")
                for process in self._members()
            )

    def shared_memory_bytes(self) -> int:
        """The part of `own_bytes` that is shared memory, which carries tensors between the server and its stubs.

        Raises:
            MeasurementError: A process has exited.
        """
        with _alive():
            return sum(_rolled_up_bytes(process.pid, "Pss_Shmem") for process in self._members())

    def descriptors(self) -> int:
        """The number of open file descriptors.

        Raises:
            MeasurementError: A process has exited.
        """
        with _alive():
            return sum(process.num_fds() for process in self._members())

    def _members(self) -> Iterator[psutil.Process]:
        for pid in self._pids:
            process = psutil.Process(pid)
            yield process
            yield from process.children(recursive=True)


class TritonServer(NamedTuple):
    """A running `tritonserver`.

    Attributes:
        addresses: Where it listens.
        processes: The server and its stubs.
    """

    addresses: Addresses
    processes: ProcessTree


@contextlib.contextmanager
def triton_server(
    repositories: Sequence[Path], models: Sequence[str], *, flags: Sequence[str] = (), profile: str = ""
) -> Iterator[TritonServer]:
    """Run a `tritonserver` on free ports of loopback.

    Args:
        repositories: The model repositories.
        models: The names of the models to load.
        flags: Further flags of `tritonserver`.
        profile: The profile of the networks, whose engines the server keeps; empty for none.

    Yields:
        The server, once its models are ready; it ends with the context.

    Raises:
        StartError: The server cannot start.
    """
    addresses, distribution = free_addresses(), tritonserver.distribution()
    command = [
        *distribution.command(repositories),
        *addresses.flags(),
        *MODEL_CONTROL,
        *(f"--load-model={name}" for name in models),
        *QUIET,
        *flags,
    ]
    folder = tritonserver.working_folder(profile)
    rewrite_log = iter if tritonserver.gpu_count() else without_gpu_errors
    server = ServerProcess(command, distribution.environment(), rewrite_log=rewrite_log, folder=folder)
    try:
        server.wait_until_ready(addresses)
        if profile:
            engines.prove(folder)
        yield TritonServer(addresses, ProcessTree([server.pid]))
    finally:
        server.end()


@contextlib.contextmanager
def _alive() -> Iterator[None]:
    try:
        yield
    except psutil.NoSuchProcess as error:
        raise MeasurementError(f"process {error.pid} of the server under test exited; see its log above") from error


def _rolled_up_bytes(pid: int, field: str) -> int:
    """Read one sum from smaps_rollup, which is cheaper than adding up the mappings.

    Source: `Documentation/filesystems/proc.rst` of Linux.
    """
    with contextlib.suppress(OSError):  # the process may exit before it is read
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0
