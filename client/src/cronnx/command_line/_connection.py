"""The server that a command asks: the options every command shares."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from cronnx import Client, InvalidInput, Tls
from cronnx._client import DEFAULT_TIMEOUT_S, DEFAULT_URL

Connect: TypeAlias = Callable[..., Client]
"""Makes a client, as `Client` does; the tests have clients of their own."""


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Give a command the options that say which server, and how."""
    group = parser.add_argument_group("server")
    group.add_argument(
        "--url",
        action="append",
        metavar="URL",
        help="grpc://, grpcs://, http:// or https://HOST:PORT; several for failover;"
        f" default: $CRONNX_URL, else {DEFAULT_URL}",
    )
    group.add_argument(
        "--timeout",
        type=float,
        default=DEFAULT_TIMEOUT_S,
        metavar="SECONDS",
        help="seconds a request may take, with all its attempts; default: %(default)g",
    )
    group.add_argument(
        "--header",
        type=_header,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="send this header with every request; repeatable. The key that scripts/serve asks for is that of"
        " $CRONNX_KEY_FILE or $CRONNX_KEY",
    )
    group.add_argument("--ca-file", metavar="FILE", help="trust the authorities in this PEM file alone")


def urls(options: argparse.Namespace) -> list[str]:
    """The addresses to ask."""
    return options.url or [os.environ.get("CRONNX_URL") or DEFAULT_URL]


def open_client(options: argparse.Namespace, connect: Connect, *, url: str | None = None) -> Client:
    """Make a client for all addresses, or for one of them."""
    return connect(
        url or urls(options),
        timeout_s=options.timeout,
        key=_key(),
        headers=dict(options.header),
        tls=Tls(ca_file=options.ca_file) if options.ca_file else None,
    )


def _key() -> str | None:
    """From the environment, and no option: what is typed is seen in process lists."""
    file = os.environ.get("CRONNX_KEY_FILE")
    if not file:
        return os.environ.get("CRONNX_KEY") or None
    try:
        return Path(file).read_text(errors="replace").strip() or None
    except OSError as error:
        raise InvalidInput(f"cannot read the key in {file}: {error.strerror}") from error


def _header(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not key or not separator:
        raise argparse.ArgumentTypeError("expected KEY=VALUE")  # the text may be a secret: it is not repeated
    return key, value
