"""`scripts/doctor`: its command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cronnx_server import repository
from cronnx_server.doctor import findings
from cronnx_server.doctor.diagnosis import diagnose
from cronnx_server.doctor.findings import Severity
from cronnx_server.doctor.machine import this_machine
from cronnx_server.doctor.repositories import read
from cronnx_server.errors import CommandError, RepositoryError
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
    """Print what will go wrong, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/doctor",
        description="Find what will go wrong with model repositories on this machine, before a server starts.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model-repository",
        action="append",
        type=Path,
        metavar="DIR",
        help="check this repository instead of the project's two; repeatable",
    )
    parser.add_argument("--profile", default="", metavar="NAME", help="prefer configs/NAME.pbtxt where a model has it")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON, for programs")
    options = parser.parse_args()
    folders = [folder.resolve() for folder in options.model_repository or [MODEL_REPOSITORY, ENSEMBLES]]
    try:
        repository.check(folders, profile=options.profile)
    except RepositoryError as error:
        parser.error(str(error))
    try:
        return _report(folders, profile=options.profile, as_json=options.json)
    except (CommandError, OSError) as error:
        print(f"doctor: {error}", file=sys.stderr)
        return 1


def _report(folders: list[Path], *, profile: str, as_json: bool) -> int:
    repositories = read(folders, profile=profile)
    found = diagnose(repositories, this_machine())
    if as_json:
        print(findings.as_json(found))
    else:
        print(findings.as_text(found, models=len(repositories.models), here=Path.cwd()))
    return int(any(each.severity is Severity.ERROR for one in found.values() for each in one))


if __name__ == "__main__":
    sys.exit(main())
