"""A `tritonserver` for repositories of a test's own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from local_server import tritonserver
from local_server.addresses import Addresses
from local_server.process import ServerProcess
from tests.server.processes import free_addresses, started_by


@contextlib.contextmanager
def running(repositories: Iterable[Path], *flags: str) -> Iterator[Addresses]:
    """Serve `repositories` while this lasts; nothing of the server is left afterwards."""
    distribution = tritonserver.distribution()
    addresses = free_addresses()
    others = set(started_by(os.getpid()))
    command = [*distribution.command(repositories), *addresses.flags(), *flags]
    server = ServerProcess(command, distribution.environment())
    try:
        assert server.wait_until_ready(addresses)
        yield addresses
    finally:
        family = set(started_by(os.getpid())) - others
        server.end()
    _, left = psutil.wait_procs(family, timeout=60)
    assert not left, f"left of the server: {left}"
