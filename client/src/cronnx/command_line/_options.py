"""Options that several commands share, and the client that they describe."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from cronnx import Client, ConnectionFailed, CronnxError, InvalidInput, Outcome, Tls
from cronnx._config import DEFAULT_TIMEOUT_S, DEFAULT_URL
from cronnx._inputs import ImageLike
from cronnx.command_line._report import EPILOG

A = TypeVar("A")
ImageT = TypeVar("ImageT", bound=ImageLike)

_KEY_HELP = "The key that scripts/serve requires is read from the file $CRONNX_KEY_FILE or from $CRONNX_KEY"

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What a command adds its parser to."""

Connect: TypeAlias = Callable[..., Client]
"""Makes a client from the arguments of `Client`; tests give their own."""


def add_command(
    commands: Commands, name: str, *, summary: str, examples: Sequence[str], description: str = "", notes: str = EPILOG
) -> argparse.ArgumentParser:
    """Add a command.

    Args:
        commands: What it is added to.
        name: Its name.
        summary: What it does, in a few words.
        examples: Command lines to show in its help.
        description: What it does; the summary if empty.
        notes: The end of its help.
    """
    return commands.add_parser(
        name,
        help=summary,
        description=description or f"{summary.capitalize()}.",
        epilog=f"{examples_text(examples)}\n{notes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def examples_text(examples: Sequence[str]) -> str:
    """Return command lines as a section of a help text."""
    return "".join(("examples:\n", *(f"  {example}\n" for example in examples)))


def add_connection(
    parser: argparse.ArgumentParser, *, several: str, default_url: str = DEFAULT_URL, key: str = _KEY_HELP
) -> None:
    """Add the options that say which server to ask, and how.

    Args:
        parser: The command.
        several: What the command does with several servers.
        default_url: The server to ask if none is named.
        key: Where the command gets the server's key.
    """
    parser.set_defaults(default_url=default_url)
    group = parser.add_argument_group("server", f"With several servers, {several}.")
    group.add_argument(
        "--url",
        action="append",
        metavar="URL",
        help="grpc://, grpcs://, http:// or https://HOST:PORT; repeat it for several servers; default: $CRONNX_URL, in"
        f" which commas or spaces separate several, else {default_url}",
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
        help=f"send this header with every request; may be repeated. {key}",
    )
    group.add_argument("--ca-file", metavar="FILE", help="trust only the authorities in this PEM file")


def urls(options: argparse.Namespace) -> list[str]:
    """Return the addresses to ask."""
    named = options.url or os.environ.get("CRONNX_URL", "").replace(",", " ").split() or [options.default_url]
    return list(dict.fromkeys(named))


def open_client(options: argparse.Namespace, connect: Connect, *, url: str | None = None) -> Client:
    """Make a client for all addresses, or for the one given."""
    return connect(
        url or urls(options),
        timeout_s=options.timeout,
        key=_key(),
        headers=dict(options.header),
        tls=Tls(ca_file=options.ca_file) if options.ca_file else None,
    )


@dataclass(frozen=True)
class EachAnswer(Generic[A]):
    """What several servers answered.

    Attributes:
        answers: The answer of each server that gave one, by its address.
        errors: Why the others gave none, by their address.
    """

    answers: dict[str, A]
    errors: dict[str, CronnxError]


def ask_each(clients: Mapping[str, Client], ask: Callable[[Client], A]) -> EachAnswer[A]:
    """Ask servers one after the other.

    Args:
        clients: A client for each address.
        ask: Asks one server.

    Raises:
        CronnxError: No server answered: the error of the first.
    """
    each = EachAnswer[A]({}, {})
    for url, client in clients.items():
        try:
            each.answers[url] = ask(client)
        except CronnxError as error:
            each.errors[url] = error
    if not each.answers:
        raise next(iter(each.errors.values()))
    return each


def errors_of(each: EachAnswer[A]) -> list[dict[str, str]]:
    """Return the errors as JSON."""
    return [{"server": server, "error": str(error)} for server, error in each.errors.items()]


@contextlib.contextmanager
def open_each(options: argparse.Namespace, connect: Connect) -> Iterator[dict[str, Client]]:
    """Open a client for each address."""
    with contextlib.ExitStack() as stack:
        yield {url: stack.enter_context(open_client(options, connect, url=url)) for url in urls(options)}


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
