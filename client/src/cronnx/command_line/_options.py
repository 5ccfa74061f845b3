"""Options that several commands share, and the client that they describe."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias, TypeVar

from cronnx import Client, ConnectionFailed, InvalidInput, Outcome, Tls
from cronnx._config import DEFAULT_TIMEOUT_S, DEFAULT_URL
from cronnx.command_line._report import EPILOG

A = TypeVar("A")
ImageT = TypeVar("ImageT", str, bytes)

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What a command adds its parser to."""

Connect: TypeAlias = Callable[..., Client]
"""Makes a client from the arguments of `Client`; tests give their own."""


def add_command(
    commands: Commands, name: str, *, summary: str, description: str = "", epilog: str = EPILOG
) -> argparse.ArgumentParser:
    """Add a command; its description is the summary if it has none of its own."""
    return commands.add_parser(
        name,
        help=summary,
        description=description or f"{summary.capitalize()}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_connection(parser: argparse.ArgumentParser, *, default_url: str = DEFAULT_URL) -> None:
    """Add the options that say which server to ask, and how."""
    group = parser.add_argument_group("server")
    group.add_argument(
        "--url",
        action="append",
        metavar="URL",
        help="grpc://, grpcs://, http:// or https://HOST:PORT; repeat it for failover;"
        f" default: $CRONNX_URL, else {default_url}",
    )
    group.add_argument(
        "--timeout",
        type=float,
        default=DEFAULT_TIMEOUT_S,
        metavar="SECONDS",
        help="time for a request with all its attempts; default: %(default)g",
    )
    group.add_argument(
        "--header",
        type=_header,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="send this header with every request; may be repeated. The key that scripts/serve requires is read from"
        " the file $CRONNX_KEY_FILE or from $CRONNX_KEY",
    )
    group.add_argument("--ca-file", metavar="FILE", help="trust only the authorities in this PEM file")


def urls(options: argparse.Namespace, default_url: str = DEFAULT_URL) -> list[str]:
    """Return the addresses to ask."""
    return options.url or [os.environ.get("CRONNX_URL") or default_url]


def open_client(options: argparse.Namespace, connect: Connect, *, url: str | None = None) -> Client:
    """Make a client for all addresses, or for the one given."""
    return connect(
        url or urls(options),
        timeout_s=options.timeout,
        key=_key(),
        headers=dict(options.header),
        tls=Tls(ca_file=options.ca_file) if options.ca_file else None,
    )


def if_reachable(outcomes: Iterable[Outcome[ImageT, A]]) -> Iterator[Outcome[ImageT, A]]:
    """Yield outcomes, and stop if no server was ever reached.

    Raises:
        ConnectionFailed: A connection failed before any server answered or refused an image.
    """
    reached = False
    for outcome in outcomes:
        error = outcome.error
        if isinstance(error, ConnectionFailed) and not reached:
            raise error
        reached = reached or error is None or error.server_message is not None
        yield outcome


def count(text: str) -> int:
    """Parse a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def counts(text: str) -> list[int]:
    """Parse whole numbers of at least 1, separated by commas."""
    return [count(each.strip()) for each in text.split(",")]


def seconds(text: str) -> float:
    """Parse a positive number of seconds."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text!r}")
    return number


def _key() -> str | None:
    """Read the key from the environment. It is not an option, because process lists show options."""
    file = os.environ.get("CRONNX_KEY_FILE")
    if not file:
        return os.environ.get("CRONNX_KEY") or None
    try:
        return Path(file).read_text(errors="replace").strip() or None
    except OSError as error:
        raise InvalidInput(f"cannot read the key in {file}: {error.strerror}; check CRONNX_KEY_FILE") from error


def _header(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not key or not separator:
        raise argparse.ArgumentTypeError("expected KEY=VALUE")  # the text may be a secret: it is not shown
    return key, value
