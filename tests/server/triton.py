"""A `tritonserver` for a test's own model repositories."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from cronnx_server.serve import tritonserver
from cronnx_server.serve.addresses import Addresses, free_addresses
from cronnx_server.serve.process import ServerProcess

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Triton and its Python stubs exchange tensors


SERVER = "bin/tritonserver"
STUB = "triton_python_backend_stub"


def started_by(pid: int, *words: str) -> list[psutil.Process]:
    """Return the children of a process, their children, and so on.

    Args:
        pid: The process.
        words: If any, only the processes that run and whose command lines have all of these.
    """
    family = psutil.Process(pid).children(recursive=True)
    return [each for each in family if _has(each, words)] if words else family


def _has(process: psutil.Process, words: Iterable[str]) -> bool:
    try:
        command = " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it has ended meanwhile, or nobody has collected it
        return False
    return all(word in command for word in words)


class Triton:
    """A server that can be killed and started again at the same addresses."""

    def __init__(self, repositories: Iterable[Path], *flags: str) -> None:
        self._distribution = tritonserver.distribution()
        self._shared_memory = f"triton_test_{uuid.uuid4().hex[:12]}_"
        self.addresses = free_addresses()
        prefix = f"--backend-config=python,shm-region-prefix-name={self._shared_memory}"
        self._command = [*self._distribution.command(repositories), *self.addresses.flags(), prefix, *flags]
        self.start()

    def start(self) -> None:
        """Start the server without waiting until it is ready."""
        self._process = ServerProcess(self._command, self._distribution.environment())

    def wait_until_ready(self) -> None:
        self._process.wait_until_ready(self.addresses)

    def kill(self) -> None:
        """Kill the server and its stubs, and remove the shared memory that they leave behind."""
        self._process.kill()
        self._process.end()
        for region in SHARED_MEMORY.glob(f"{self._shared_memory}*"):
            region.unlink(missing_ok=True)

    def end(self) -> None:
        """Let the server finish its requests and exit."""
        self._process.end()

    def stubs(self, *words: str) -> list[psutil.Process]:
        """Return the running stubs whose command lines have all the words."""
        return started_by(self._process.pid, STUB, *words)

    def family(self) -> list[psutil.Process]:
        """Return the server and its stubs; an empty list when the server does not run."""
        if not psutil.pid_exists(self._process.pid):
            return []
        return [psutil.Process(self._process.pid), *started_by(self._process.pid)]


@contextlib.contextmanager
def running(repositories: Iterable[Path], *flags: str) -> Iterator[Addresses]:
    """Serve `repositories` for the duration of the block."""
    with started(repositories, *flags) as triton:
        yield triton.addresses


@contextlib.contextmanager
def started(repositories: Iterable[Path], *flags: str) -> Iterator[Triton]:
    """Serve `repositories` for the duration of the block, by a server that the test may kill and start again.

    The server is killed in the end: an orderly exit takes Triton seconds, and test_serve.py judges one.
    """
    triton = Triton(repositories, *flags)
    try:
        triton.wait_until_ready()
        yield triton
    finally:
        triton.kill()
