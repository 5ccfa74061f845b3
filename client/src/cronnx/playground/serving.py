"""The playground as a web server of its own."""

from __future__ import annotations

import contextlib
import os
import socket

import uvicorn
from starlette.types import ASGIApp

from cronnx import InvalidInput


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: The name or the IP address to listen on.
        port: The port; 0 for one that is free.

    Raises:
        InvalidInput: The port is taken, or the address is not one of this machine.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        # Python adds the address to the text of the system's error.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise InvalidInput(f"cannot listen on {host}:{port}: {reason}; choose another --port or --host") from error


def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Serve an app until Ctrl-C or SIGTERM."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=2
    )
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
