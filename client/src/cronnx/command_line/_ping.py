"""`cronnx ping`: check whether servers answer."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from functools import partial

from cronnx import CronnxError, InvalidInput, Retry
from cronnx.command_line._options import Commands, Connect, add_command, add_connection, open_client, urls
from cronnx.command_line._report import ExitCode, print_error, printable, shortened

_DESCRIPTION = """\
Check for every server whether it is live and all its models are ready, and how long the answer took, in milliseconds.
Exit code 3 if a server is not. With --json: servers, a list of url, live, ready, round_trip_ms (null without an answer)
and error (null if it is ready).
"""

_EXAMPLES = (
    "cronnx ping",
    "cronnx ping --url http://a:8000 --url grpc://b:8001",
    "cronnx ping --url grpcs://a:443 --ca-file ca.crt --json",
)

_LONGEST_ERROR = 199


@dataclass(frozen=True)
class Pong:
    """What one server answered.

    Attributes:
        url: The server.
        live: Whether it answers.
        ready: Whether all its models are ready.
        round_trip_ms: The time of a request on an open connection, in milliseconds; None without an answer.
        error: Why it is not ready, in under 200 characters; None if it is.
    """

    url: str
    live: bool
    ready: bool
    round_trip_ms: float | None
    error: str | None


def add_ping(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "ping",
        summary="check whether servers answer, and how fast",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_connection(parser, several="each of them is checked")
    parser.set_defaults(run=_ping)


def _ping(options: argparse.Namespace, connect: Connect) -> ExitCode:
    pongs = []
    for url in urls(options):
        pongs.append(_pong(options, connect, url))
        if not options.json:
            _print(pongs[-1])
    if options.json:
        print(json.dumps({"servers": [asdict(pong) for pong in pongs]}))
    return ExitCode.DONE if all(pong.ready for pong in pongs) else ExitCode.NOT_REACHABLE


def _pong(options: argparse.Namespace, connect: Connect, url: str) -> Pong:
    with open_client(options, partial(connect, retry=Retry(attempts=1)), url=url) as client:
        try:
            is_live = client._check_live()  # this connects, so that the time below is the round trip alone
        except InvalidInput:
            raise
        except CronnxError as error:
            return Pong(url, False, False, None, shortened(str(error), _LONGEST_ERROR))
        asked_at = time.perf_counter()
        is_ready = client.is_server_ready()
        round_trip_ms = (time.perf_counter() - asked_at) * 1000
    problem = None if is_ready else "live, but not ready: `cronnx models` shows which model is not"
    return Pong(url, is_live, is_ready, round_trip_ms, problem)


def _print(pong: Pong) -> None:
    if pong.error is None:
        print(f"{printable(pong.url)}  live  ready  {pong.round_trip_ms:.1f} ms", flush=True)
    else:
        print_error(pong.error if pong.url in pong.error else f"{pong.url}: {pong.error}")
