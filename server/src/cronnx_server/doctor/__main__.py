"""`scripts/doctor`: parse and print."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cronnx_server import repository
from cronnx_server.doctor import report
from cronnx_server.doctor.diagnosis import diagnose
from cronnx_server.doctor.findings import Severity
from cronnx_server.doctor.machine import this_machine
from cronnx_server.doctor.repositories import read
from cronnx_server.errors import CommandError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY

EPILOG = """\
examples:
  scripts/doctor
  scripts/doctor --profile tensorrt
  scripts/doctor --model-repository ~/models --json

Exit status: 0 no errors (there may be warnings), 1 errors, 2 usage.
Nothing is started, built or changed.
"""


def main() -> int:
    """Print what will go wrong; the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/doctor",
        description="Say what will go wrong with model repositories on this machine, before a server is started.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model-repository",
        action="append",
        type=Path,
        metavar="DIR",
        help="look at this repository instead of the project's two; repeatable",
    )
    parser.add_argument("--profile", metavar="NAME", help="use configs/NAME.pbtxt of the models that have one")
    parser.add_argument("--json", action="store_true", help="print a list of findings for programs")
    options = parser.parse_args()
    try:
        return _report(options, parser)
    except (CommandError, OSError) as error:
        print(f"doctor: {error}", file=sys.stderr)
        return 1


def _report(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    folders = [folder.resolve() for folder in options.model_repository or [MODEL_REPOSITORY, ENSEMBLES]]
    for folder in folders:
        if not folder.is_dir():
            parser.error(f"there is no model repository {folder}")
    known = repository.profiles(folders)
    if options.profile and options.profile not in known:
        parser.error(f"no model has a configs/{options.profile}.pbtxt; there are {', '.join(known) or 'no profiles'}")
    repositories = read(folders, profile=options.profile)
    findings = diagnose(repositories, this_machine())
    if options.json:
        print(report.as_json(findings))
    else:
        print(report.lines(findings, models=len(repositories.models), here=Path.cwd()))
    return int(any(each.severity is Severity.ERROR for found in findings.values() for each in found))


if __name__ == "__main__":
    sys.exit(main())
