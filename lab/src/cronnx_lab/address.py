"""The address of a running server, as the command lines take it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from urllib.parse import urlsplit

from cronnx_server.serve.addresses import Addresses


@dataclass(frozen=True)
class Address:
    """The address of a server.

    Attributes:
        protocol: `grpc` or `http`.
        host_port: `HOST:PORT`.
    """

    protocol: str
    host_port: str


def parse_url(url: str) -> Address:
    """Read `grpc://HOST:PORT` or `http://HOST:PORT`.

    Raises:
        ValueError: The URL has another form.
    """
    refusal = ValueError(f"expected grpc://HOST:PORT or http://HOST:PORT, got '{url}'")
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname and parts.port)
    except ValueError as error:  # the port is not a number, or a bracket is missing
        raise refusal from error
    if parts.scheme not in ("grpc", "http") or not is_complete or parts.path.strip("/"):
        raise refusal
    return Address(parts.scheme, parts.netloc)


def server_url(text: str) -> str:
    """Check a URL of the command line; for argparse."""
    try:
        parse_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def add_url(parser: argparse.ArgumentParser) -> None:
    """Add the option `--url`: the address of a running server."""
    parser.add_argument(
        "--url",
        type=server_url,
        default=Addresses().grpc,
        help="grpc://HOST:PORT or http://HOST:PORT (default: %(default)s)",
    )
