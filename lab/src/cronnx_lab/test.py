"""`scripts/test`: run every check, or some of the tests."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence

from cronnx_server import environment, progress
from cronnx_server.errors import CommandError
from cronnx_server.paths import ROOT

TYPED = ("client/src", "server/src", "lab/src", "examples", *map(str, sorted(ROOT.glob("*_backend/cronnx_*"))))


def main() -> int:
    """Run the checks; 0 if all pass, else 1."""
    parser = argparse.ArgumentParser(
        prog="scripts/test",
        usage="%(prog)s [PYTEST_ARGUMENT ...]",
        description="Check lint, format and types, and run all tests; with arguments, run only pytest.",
        epilog="examples:\n  scripts/test\n  scripts/test tests/unit\n  scripts/test tests/server -k batch",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _, pytest_arguments = parser.parse_known_args()
    try:
        environment.add("test")
    except CommandError as error:
        print(f"test: {error}", file=sys.stderr)
        return 1
    failed = [name for name, command in _checks(pytest_arguments).items() if not _holds(name, command)]
    if failed:
        print(f"test: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _checks(pytest_arguments: Sequence[str]) -> dict[str, list[str]]:
    tests = {"tests": ["pytest", *pytest_arguments]}
    if pytest_arguments:
        return tests
    return {
        "lint": ["ruff", "check", "."],
        "format": ["ruff", "format", "--check", "."],
        "types": ["mypy", *TYPED],
        "types on Windows": ["mypy", "--platform=win32", "--cache-dir=.mypy_cache/win32", "client/src"],
        **tests,
    }


def _holds(name: str, command: Sequence[str]) -> bool:
    progress.step(f"Checking {name}")
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
