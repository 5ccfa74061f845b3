"""Servers' ports and processes."""

from __future__ import annotations

import contextlib
import socket

import psutil

from local_server.addresses import Addresses


def free_addresses() -> Addresses:
    """Addresses nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        http_port, grpc_port, metrics_port = (each.getsockname()[1] for each in sockets)
    return Addresses("127.0.0.1", http_port, grpc_port, metrics_port)


def started_by(pid: int) -> list[psutil.Process]:
    """The processes that one has started, and those they have."""
    return psutil.Process(pid).children(recursive=True)
