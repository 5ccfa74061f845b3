"""A `tritonserver` for repositories of a test's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from cronnx_server.serve import tritonserver
from cronnx_server.serve.addresses import Addresses, free_addresses
from cronnx_server.serve.process import ServerProcess
from tests.server.processes import started_by


class Triton:
    """A server that can be killed and started again, at the same addresses."""

    def __init__(self, repositories: Iterable[Path], *flags: str) -> None:
        self._distribution = tritonserver.distribution()
        self.addresses = free_addresses()
        self._command = [*self._distribution.command(repositories), *self.addresses.flags(), *flags]
        self.start()

    def start(self) -> None:
        """Start it; it is not ready yet."""
        self._process = ServerProcess(self._command, self._distribution.environment())

    def wait_until_ready(self) -> None:
        assert self._process.wait_until_ready(self.addresses)

    def kill(self) -> None:
        """End the server and its stubs with no time to say anything."""
        self._process.kill()
        self._process.end()

    def end(self) -> None:
        self._process.end()

    def family(self) -> list[psutil.Process]:
        """The server, if it lives, and its stubs."""
        if not psutil.pid_exists(self._process.pid):
            return []
        return [psutil.Process(self._process.pid), *started_by(self._process.pid)]


@contextlib.contextmanager
def running(repositories: Iterable[Path], *flags: str) -> Iterator[Addresses]:
    """Serve `repositories` while this lasts; nothing of the server is left afterwards."""
    with mortal(repositories, *flags) as triton:
        yield triton.addresses


@contextlib.contextmanager
def mortal(repositories: Iterable[Path], *flags: str) -> Iterator[Triton]:
    """As `running`, with a handle on the server's life."""
    triton = Triton(repositories, *flags)
    try:
        triton.wait_until_ready()
        yield triton
    finally:
        family = triton.family()
        triton.end()
    _, left = psutil.wait_procs(family, timeout=60)
    assert not left, f"left of the server: {left}"
