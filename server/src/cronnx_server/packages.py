"""Installs locked packages from the Python package index with pip, which checks the SHA-256 of every file."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from cronnx_server import progress
from cronnx_server.errors import SetupError

RETRIES = "2"
REQUIREMENT = "requirement.txt"
NARRATED = ("Downloading", "Using cached", "Building", "Installing collected")

# The first match counts: the log also has connections that were retried, whatever happened afterwards.
CAUSES = (
    ("DO NOT MATCH THE HASHES", "a downloaded file is not the locked one; nothing of it was kept"),
    ("No space left on device", "no space left on the disk; free some and start again"),
    (
        "name resolution|NameResolutionError|NewConnectionError|Failed to establish|Network is unreachable"
        "|Connection refused|ConnectTimeout|ProxyError|Max retries exceeded|Read timed out|Connection aborted"
        "|Connection broken",
        "the package index cannot be reached; connect to the network, or point pip at an index, and start again",
    ),
    (
        "No module named pip",
        "this Python has no pip; install it (Debian, Ubuntu: apt-get install python3-pip)",
    ),
)


def install(arguments: Sequence[str], *, what: str, python: Path | str = sys.executable) -> None:
    """Run `pip install` and show its progress.

    Args:
        arguments: The arguments of `pip install`.
        what: What is installed, for error messages.
        python: The interpreter whose pip installs.

    Raises:
        SetupError: pip failed; the message has `what` and the cause.
    """
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--retries",
        RETRIES,
        *arguments,
    ]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        try:
            status = _run(command, errors)
        except OSError as error:
            raise SetupError(f"cannot install {what}: {error.strerror}: {python}") from error
        if status != 0:
            errors.seek(0)
            raise SetupError(f"cannot install {what}: {cause(errors.read())}")


def install_folder(requirement: str, folder: Path, *, what: str) -> None:
    """Unpack one package without its dependencies into `folder`, whole or not at all, unless it is there.

    Args:
        requirement: A line of a requirements file, with its `--hash`.
        folder: The folder; replaced if it holds another package. Leftovers of an interrupted attempt are removed.
        what: The name of the package, for people.

    Raises:
        SetupError: pip failed.
    """
    if _holds(folder, requirement):
        return
    progress.step(f"Fetching {what}")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(requirement)
        requirements.flush()
        install(
            ["--no-deps", "--no-compile", "--require-hashes", "-r", requirements.name, "--target", str(partial)],
            what=what,
        )
    (partial / REQUIREMENT).write_text(requirement)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _holds(folder: Path, requirement: str) -> bool:
    note = folder / REQUIREMENT
    return note.exists() and note.read_text() == requirement


def _run(command: Sequence[str], errors: IO[str]) -> int:
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True) as pip:
        progress.narrate(_narrated(pip))
        return pip.wait()


def _narrated(pip: subprocess.Popen[str]) -> Iterator[str]:
    lines: IO[str] = pip.stdout  # type: ignore[assignment]  # a pipe was asked for
    return (line for line in lines if line.strip().startswith(NARRATED))


def cause(log: str) -> str:
    """Why pip failed, for people, from its output on standard error."""
    for pattern, known in CAUSES:
        if re.search(pattern, log):
            return known
    if "No matching distribution" in log:
        return "the package index has no such file for this machine; x86-64 Linux with glibc 2.35 or newer is needed"
    lines = [line for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ") and line != "ERROR: Exception:"] or lines
    return errors[-1].removeprefix("ERROR: ") if errors else "pip failed without a reason"
