"""The server that is put under load."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Target:
    """Where a server listens, and what it speaks there: `grpc` or `http`."""

    protocol: str
    host_port: str


def target(url: str) -> Target:
    """Read `grpc://HOST:PORT` or `http://HOST:PORT`.

    Raises:
        ValueError: it is neither.
    """
    refusal = ValueError(f"'{url}' is no server's address, expected grpc://HOST:PORT or http://HOST:PORT")
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname and parts.port)
    except ValueError as error:  # a port that is no number, brackets that do not close
        raise refusal from error
    if parts.scheme not in ("grpc", "http") or not is_whole or parts.path.strip("/"):
        raise refusal
    return Target(parts.scheme, parts.netloc)
