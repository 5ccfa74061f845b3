"""`cronnx ping`: check whether servers answer."""

from __future__ import annotations

import argparse
import time
from functools import partial

from cronnx import Retry
from cronnx.command_line._options import Commands, Connect, add_command, add_connection, open_client, urls
from cronnx.command_line._report import ErrorLog, ExitCode, printable

_DESCRIPTION = """\
Check for every --url whether the server is live and all its models are ready, and how long the answer took, in
milliseconds. Exit code 3 if a server is not.
"""


def add_ping(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "ping", summary="check whether servers answer, and how fast", description=_DESCRIPTION
    )
    add_connection(parser)
    parser.set_defaults(run=_ping)


def _ping(options: argparse.Namespace, connect: Connect) -> ExitCode:
    errors = ErrorLog()
    once = partial(connect, retry=Retry(attempts=1))
    for url in urls(options):
        with open_client(options, once, url=url) as client:
            if not client.is_server_live():  # this connects, so that the time below is the round trip alone
                errors(f"{url}: no answer")
                continue
            asked_at = time.perf_counter()
            is_ready = client.is_server_ready()
            round_trip_ms = (time.perf_counter() - asked_at) * 1000
        if is_ready:
            print(f"{printable(url)}  live  ready  {round_trip_ms:.1f} ms", flush=True)
        else:
            errors(f"{url}: live, but not ready: `cronnx models` shows which model is not")
    return ExitCode.NOT_REACHABLE if errors.count else ExitCode.DONE
