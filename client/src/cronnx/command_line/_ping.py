"""`cronnx ping`: tell whether servers answer."""

from __future__ import annotations

import argparse
import time
from functools import partial

from cronnx import Retry
from cronnx.command_line._complaints import Complaints
from cronnx.command_line._connection import Connect, add_connection, open_client, urls
from cronnx.command_line._exit_codes import EPILOG, ExitCode
from cronnx.command_line._text import printable


def add_ping(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "ping",
        help="tell whether servers answer, and how fast",
        description="Tell of every --url whether its server is live and all its models are ready, and how long the"
        " answer took in milliseconds. Exit code 3 where some is not.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_connection(parser)
    parser.set_defaults(run=_ping)


def _ping(options: argparse.Namespace, connect: Connect) -> ExitCode:
    complain = Complaints()
    once = partial(connect, retry=Retry(attempts=1))
    for url in urls(options):
        with open_client(options, once, url=url) as client:
            if not client.is_server_live():  # it has connected now: what follows is the round trip alone
                complain(f"{url}: no answer")
                continue
            asked_at = time.perf_counter()
            is_ready = client.is_server_ready()
            round_trip_ms = (time.perf_counter() - asked_at) * 1000
        if is_ready:
            print(f"{printable(url)}  live  ready  {round_trip_ms:.1f} ms", flush=True)
        else:
            complain(f"{url}: live, but not ready: `cronnx models` says which model is not")
    return ExitCode.NOT_REACHABLE if complain.count else ExitCode.DONE
