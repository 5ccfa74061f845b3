"""`scripts/overload`: parse the options, test a server of its own and print the verdicts."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from cronnx_lab import command_line
from cronnx_lab.command_line import TargetReport
from cronnx_lab.load.target import serve
from cronnx_lab.overload import plots, rounds
from cronnx_lab.pictures import SIZES
from cronnx_server.arguments import positive_float

PEAK_S = 5.0
ROUNDS = 4

EPILOG = """\
examples:
  scripts/overload
  scripts/overload --model efficientnet_lite0_ab --seconds 20

The peak is the throughput with 64 callers that wait for their answers. In four rounds, requests are then sent at three
times that rate, whether or not they are answered, for a quarter of the time each; the peak is measured before and after
each round. The page with plots is reports/overload.html, the figures are in reports/overload.json.
"""


def main() -> int:
    """Overload a server; the exit status."""
    parser = command_line.parser(
        "overload", "Does a server at three times its capacity keep its throughput and refuse the rest at once?", EPILOG
    )
    parser.add_argument(
        "--pictures",
        choices=tuple(SIZES),
        default="vga",
        metavar="SIZE",
        help=f"size of the pictures to send, one of {', '.join(SIZES)} (default: %(default)s)",
    )
    parser.add_argument(
        "--seconds",
        type=positive_float,
        default=60.0,
        metavar="S",
        help="length of the overload, all rounds together (default: %(default)g)",
    )
    return command_line.exit_status(parser, _test)


def _test(options: argparse.Namespace, folder: Path) -> bool:
    with serve(options.model, picture_set=options.pictures, folder=folder) as target:
        measured = rounds.measure(target, peak_s=PEAK_S, seconds=options.seconds / ROUNDS, rounds=ROUNDS)
    capacity = rounds.capacity(options.model)
    report = TargetReport(
        name="overload",
        verdicts=rounds.verdicts(measured, capacity=capacity),
        plots=plots.over_time(measured, capacity=capacity),
        measured={"rounds": list(map(asdict, measured))},
    )
    return command_line.conclude(report, options, seconds=options.seconds)


if __name__ == "__main__":
    sys.exit(main())
