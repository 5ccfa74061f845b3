"""What command lines share: how a measurement ends, and the options and report of those that have targets."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cronnx_lab.report import REPORTS, Section, Table, page
from cronnx_lab.run_facts import run_facts
from cronnx_lab.verdicts import Verdict, verdict_table
from cronnx_server.errors import CommandError
from cronnx_server.files import write_whole

STATUSES = """
exit status: 0 every target met; 1 a target missed; 2 the test could not run: usage, setup, interruption.
"""


@dataclass(frozen=True)
class TargetReport:
    """The result of a test.

    Attributes:
        name: The name of the command and of the files.
        verdicts: The targets.
        plots: SVG elements.
        measured: Every figure, for programs.
    """

    name: str
    verdicts: Sequence[Verdict]
    plots: Sequence[str]
    measured: Mapping[str, Any]

    def write(self, folder: Path, *, run: Mapping[str, str]) -> Path:
        """Write NAME.html and NAME.json.

        Args:
            folder: Receives the files.
            run: Facts about the run, by name.

        Returns:
            The page.

        Raises:
            CommandError: A file cannot be written.
        """
        figures = {"run": run, "verdicts": [asdict(verdict) for verdict in self.verdicts], **self.measured}
        write_whole(folder / f"{self.name}.json", json.dumps(figures).encode())
        sections = [
            Section("Targets", verdict_table(self.verdicts).html()),
            Section("Over time", "\n".join(self.plots)),
            Section("The run", Table(("run", ""), list(run.items())).html()),
        ]
        path = folder / f"{self.name}.html"
        write_whole(path, page(self.name.capitalize(), sections).encode())
        return path


def parser(name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """A parser with the options that both commands have."""
    made = argparse.ArgumentParser(
        prog=f"scripts/{name}",
        description=description,
        epilog=epilog + STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--model", default="efficientnet_lite0", metavar="NAME", help="the ensemble to test (default: %(default)s)"
    )
    return made


def measured(name: str, measure: Callable[[], int], *, interrupted: str = "all processes are stopped") -> int:
    """Run a measurement; its exit status, 1 if it failed, or 130 if it was interrupted.

    Args:
        name: The name of the command.
        measure: Measures, and returns the status.
        interrupted: What an interruption has left.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM ends a run as Ctrl-C does
    try:
        return measure()
    except CommandError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted; {interrupted}", file=sys.stderr)
        return 130


def exit_status(parser: argparse.ArgumentParser, test: Callable[[argparse.Namespace, Path], bool]) -> int:
    """Run a test; the exit status.

    Args:
        parser: The parser of the command line.
        test: Takes the options and a temporary folder; returns whether every target is met.
    """
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM ends a run as Ctrl-C does
    try:
        with tempfile.TemporaryDirectory() as folder:
            return 0 if test(options, Path(folder)) else 1
    except (CommandError, KeyboardInterrupt) as error:
        print(f"{parser.prog.rpartition('/')[2]}: {str(error) or 'interrupted'}", file=sys.stderr)
        return 2


def conclude(report: TargetReport, options: argparse.Namespace, *, seconds: float) -> bool:
    """Write the report and print the verdicts; whether every target is met."""
    facts = run_facts(model=options.model, note=options.pictures, rounds=1, seconds=seconds)
    print(f"{verdict_table(report.verdicts)}\n\n{report.write(REPORTS, run=facts)}")
    return all(verdict.holds for verdict in report.verdicts)
