"""`scripts/gpu`: parse the options, check the machine, compare, and write the table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from cronnx_lab import command_line
from cronnx_lab.errors import MeasurementError
from cronnx_lab.gpu.comparison import Plan, compare, prepare
from cronnx_lab.gpu.requisites import Requisite, gpu_facts, requisites
from cronnx_lab.report import REPORTS, Table
from cronnx_lab.run_facts import commit, machine
from cronnx_server import environment
from cronnx_server.arguments import positive_float, positive_int
from cronnx_server.files import write_whole
from cronnx_server.serve import tritonserver

MODELS = ("efficientnet_lite0", "document_layout")
CONCURRENCY = (64, 128, 256)
SECONDS = 8.0
REPORT = REPORTS / "gpu.md"

EPILOG = """\
examples:
  scripts/gpu --dry-run
  scripts/gpu
  scripts/gpu --profile tensorrt --models efficientnet_lite0 --concurrency 256

It takes less than ten minutes on an otherwise idle machine, and writes reports/gpu.md, with the hardware's name.
docs/gpu.md says what it needs.

exit status: 0 measured, or with --dry-run every step that needs no GPU works; 1 failed; 2 usage; 130 interrupted.
"""


def main() -> int:
    """Compare; the exit status."""
    options = _parser().parse_args()
    plan = Plan(options.models, options.concurrency, options.seconds, options.profile)
    return command_line.measured("gpu", lambda: _compare(plan, dry_run=options.dry_run))


def _compare(plan: Plan, *, dry_run: bool) -> int:
    found = requisites(plan.models, profile=plan.profile)
    print(*found, sep="\n", flush=True)
    if dry_run:
        _try(plan)
    else:
        write_report(plan, found)
    return 0


def markdown(table: Table) -> str:
    """A table in Markdown."""
    lines = [table.headings, ["---"] * len(table.headings), *table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _try(plan: Plan) -> None:
    """Do what needs no GPU, and say what would be done with one."""
    with tempfile.TemporaryDirectory(prefix="gpu-") as folder:
        prepare(plan, Path(folder))
    print("ready    the configurations and the pictures")
    print(f"With a GPU, in about {plan.total_s / 60:.0f} minutes:")
    print(*(f"  {number}. {step}" for number, step in enumerate(plan.steps(), 1)), sep="\n")


def write_report(plan: Plan, found: Sequence[Requisite]) -> None:
    """Compare and measure, and write the table; refused if something is missing.

    Raises:
        CommandError: The machine lacks something, or a server does not answer.
    """
    if lacks := [each.name for each in found if each.lack]:
        raise MeasurementError(f"this machine lacks {', '.join(lacks)}; --dry-run does what needs no GPU")
    with environment.setup_lock():
        tritonserver.distribution()
    table = compare(plan)
    write_whole(REPORT, f"{_heading(plan)}\n\n{markdown(table)}\n".encode())
    print(f"{table}\n\n{REPORT}")


def _heading(plan: Plan) -> str:
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    profile = f"profile {plan.profile}" if plan.profile else "the default configuration"
    return f"{gpu_facts()}; {machine()}; {when}, commit {commit()}, {profile}, photographs of 640x480."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/gpu",
        description="Does a GPU answer as the CPU does, and how many images a second, decoding on either?",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--models", nargs="+", default=MODELS, metavar="NAME", help=f"ensembles (default: {' '.join(MODELS)})"
    )
    parser.add_argument(
        "--concurrency",
        nargs="+",
        type=positive_int,
        default=CONCURRENCY,
        metavar="N",
        help=f"requests in flight at a time (default: {' '.join(map(str, CONCURRENCY))})",
    )
    parser.add_argument(
        "--seconds",
        type=positive_float,
        default=SECONDS,
        metavar="S",
        help="length of each measurement (default: %(default)g)",
    )
    parser.add_argument(
        "--profile",
        default="",
        metavar="NAME",
        help="the profile of the networks on the GPU (default: their default configuration)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what is missing, and try every step that needs no GPU"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
