"""`cronnx stats`: what the models do, like top."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict

from cronnx import Client
from cronnx.command_line._connection import Connect, add_connection, open_client
from cronnx.command_line._exit_codes import EPILOG, ExitCode
from cronnx.command_line._numbers import seconds
from cronnx.command_line._rates import Rates, rates
from cronnx.command_line._text import table

_HEADINGS = (
    "MODEL",
    "VERSION",
    "INFER/S",
    "EXEC/S",
    "BATCH",
    "QUEUE µs",
    "INPUT µs",
    "INFER µs",
    "OUTPUT µs",
    "FAIL/S",
)

_DESCRIPTION = """\
Show what the models do: inferences, runs and failures a second, the size of a batch, and how long a request waits,
has its inputs prepared, is in the model and has its outputs taken. On a terminal it goes on until Ctrl-C; elsewhere,
with --once or with --json it looks at one interval.
"""


def add_stats(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "stats",
        help="show what the models do, like top",
        description=_DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", nargs="?", default="", metavar="MODEL", help="show this model only")
    parser.add_argument(
        "--interval", type=seconds, default=1.0, metavar="SECONDS", help="between two readings; default: %(default)g"
    )
    parser.add_argument("--once", action="store_true", help="end after one interval")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    add_connection(parser)
    parser.set_defaults(run=_stats)


def _stats(options: argparse.Namespace, connect: Connect) -> ExitCode:
    with open_client(options, connect) as client:
        intervals = _intervals(client, options.model, options.interval)
        if sys.stdout.isatty() and not (options.once or options.json):
            _show(intervals)
        elif options.json:
            for model in next(intervals):
                print(json.dumps(asdict(model)))
        else:
            print(_table(next(intervals)))
    return ExitCode.DONE


def _intervals(client: Client, model: str, interval_s: float) -> Iterator[list[Rates]]:
    before, read_at = client.statistics(model), time.monotonic()
    while True:
        time.sleep(interval_s)
        after, now = client.statistics(model), time.monotonic()
        yield rates(before, after, seconds=now - read_at)
        before, read_at = after, now


def _show(intervals: Iterator[list[Rates]]) -> None:
    from rich.live import Live
    from rich.text import Text

    with Live(Text("Reading…"), auto_refresh=False) as live:
        for models in intervals:
            live.update(Text(_table(models), no_wrap=True, overflow="ellipsis"), refresh=True)


def _table(models: list[Rates]) -> str:
    return table(_HEADINGS, [_cells(model) for model in models])


def _cells(model: Rates) -> list[str]:
    per_request = (model.queue_us, model.input_us, model.infer_us, model.output_us)
    return [
        model.name,
        model.version,
        f"{model.inferences_per_s:.1f}",
        f"{model.executions_per_s:.1f}",
        "-" if model.average_batch is None else f"{model.average_batch:.2f}",
        *("-" if each is None else f"{each:.0f}" for each in per_request),
        f"{model.failures_per_s:.1f}",
    ]
