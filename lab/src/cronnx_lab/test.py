"""`scripts/test`: run every check, or some of the tests."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence

from cronnx_server import environment, progress
from cronnx_server.errors import CommandError
from cronnx_server.paths import ROOT

# A worker takes whole files, whose tests share fixtures. Beyond four, collecting the tests costs more than it saves.
ON_WORKERS = ("--numprocesses=logical", "--maxprocesses=4", "--dist=loadfile")
TYPED = ("client/src", "server/src", "lab/src", "examples", *map(str, sorted(ROOT.glob("*_backend/cronnx_*"))))


def main() -> int:
    """Run the checks; 0 if all pass, 130 if Ctrl-C ended one, else 1."""
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
        failed = [name for name, command in checks(pytest_arguments).items() if not _holds(name, command)]
    except CommandError as error:
        print(f"test: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("test: interrupted", file=sys.stderr)
        return 130
    if failed:
        print(f"test: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def checks(pytest_arguments: Sequence[str]) -> dict[str, list[str]]:
    """The command line of each check, without `python -m`; with arguments, only pytest with these."""
    if pytest_arguments:
        return {"tests": ["pytest", *pytest_arguments]}
    return {
        "lint": ["ruff", "check", "."],
        "format": ["ruff", "format", "--check", "."],
        "types": ["mypy", *TYPED],
        "types on Windows": ["mypy", "--platform=win32", "--cache-dir=.mypy_cache/win32", "client/src"],
        "unit and contract tests": ["pytest", "tests/unit", "tests/contract", *ON_WORKERS],
        "server tests": ["pytest", "tests/server"],  # one at a time: they load the machine and measure it
    }


def _holds(name: str, command: Sequence[str]) -> bool:
    progress.step(f"Checking {name}")
    with subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT) as process:
        try:
            return process.wait() == 0
        except KeyboardInterrupt:  # the terminal has sent Ctrl-C to pytest too, which ends what its tests started
            process.wait()
            raise


if __name__ == "__main__":
    sys.exit(main())
