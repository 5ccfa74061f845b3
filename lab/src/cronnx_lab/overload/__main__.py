"""`scripts/overload`: parse, test a server of its own, print."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from cronnx_lab import command_line
from cronnx_lab.bench.__main__ import PICTURES, positive
from cronnx_lab.load.target import places, serving
from cronnx_lab.overload import rounds
from cronnx_lab.report import Report
from cronnx_lab.stress import plots

PEAK_S = 5.0
ROUNDS = 4

EPILOG = """\
examples:
  scripts/overload
  scripts/overload --model efficientnet_lite0_ab --seconds 20

The peak is what a crowd of callers gets who wait for their answers. Four times, three times as many requests are sent,
whether answered or not, for a quarter of the time, and the peak is seen again. The page with plots is
reports/overload.html, the numbers are in reports/overload.json.
"""


def main() -> int:
    """Overload a server; the exit status."""
    parser = command_line.parser(
        "overload", "Offer a server three times what it can do, and see how it refuses.", EPILOG
    )
    parser.add_argument("--pictures", choices=PICTURES, default="vga", metavar="SIZE", help="default: %(default)s")
    parser.add_argument(
        "--seconds", type=positive(float), default=60.0, metavar="S", help="of overload (default: %(default)g)"
    )
    return command_line.exit_status(parser, _test)


def _test(options: argparse.Namespace, folder: Path) -> bool:
    with serving(options.model, size=options.pictures, folder=folder) as server:
        measured = rounds.measure(server, peak_s=PEAK_S, seconds=options.seconds / ROUNDS, rounds=ROUNDS)
    verdicts = rounds.verdicts(measured, places=places(options.model))
    report = Report("overload", verdicts, plots.overload_plots(measured), {"rounds": list(map(asdict, measured))})
    return command_line.conclude(report, options, seconds=options.seconds)


if __name__ == "__main__":
    sys.exit(main())
