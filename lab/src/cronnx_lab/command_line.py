"""What the command lines of `scripts/overload` and `scripts/soak` share."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from cronnx_lab.bench.tables import verdict_table
from cronnx_lab.report import Report
from cronnx_lab.run_facts import run_facts
from cronnx_server.errors import SetupError
from cronnx_server.paths import ROOT

REPORTS = ROOT / "reports"
STATUSES = "\nexit status: 0 all was held; 1 something was missed; 2 it could not be tested: usage, set-up, ...\n"


def parser(name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """A parser with the options that both commands have."""
    parser = argparse.ArgumentParser(
        prog=f"scripts/{name}",
        description=description,
        epilog=epilog + STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="efficientnet_lite0", metavar="NAME", help="default: %(default)s")
    return parser


def exit_status(parser: argparse.ArgumentParser, test: Callable[[argparse.Namespace, Path], bool]) -> int:
    """Run a test with the options given; the exit status."""
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what Ctrl-C ends, SIGTERM ends
    try:
        with tempfile.TemporaryDirectory() as folder:
            return 0 if test(options, Path(folder)) else 1
    except (SetupError, KeyboardInterrupt) as error:
        print(f"{parser.prog.rpartition('/')[2]}: {str(error) or 'interrupted'}", file=sys.stderr)
        return 2


def conclude(report: Report, options: argparse.Namespace, *, seconds: float) -> bool:
    """Write the report and print its verdicts; whether all hold."""
    facts = run_facts(model=options.model, note=options.pictures, rounds=1, seconds=seconds)
    print(f"{verdict_table(report.verdicts)}\n\n{report.write(REPORTS, run=facts)}")
    return all(verdict.holds for verdict in report.verdicts)
