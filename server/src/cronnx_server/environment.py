"""`.venv`: the Python environment of every command, of the backends and of the client.

This module, `errors`, `packages`, `paths` and `progress` run before `.venv` exists: they import only the standard
library.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from cronnx_server import packages, progress
from cronnx_server.errors import CommandError, SetupError
from cronnx_server.paths import REQUIREMENTS, ROOT, SERVER_SOURCE, STATE, VENV

OLDEST, NEWEST = (3, 10), (3, 13)
NEEDED_BYTES = 2 * 1024**3
SERVER = "server"
"""The lock file that every command needs: `requirements/server.txt`."""
PROJECT = "project"
"""Takes the place of a lock file for the project's own packages, which are installed in editable mode."""


def run(module: str, arguments: Sequence[str]) -> int:
    """Run a command in `.venv`, which is created or repaired first.

    Args:
        module: The module to run, as for `python -m`. Its package `cronnx_<name>` also needs `requirements/<name>.txt`.
        arguments: The arguments of the command.

    Returns:
        1 if `.venv` cannot be created. Otherwise the command ends this process with its own status.
    """
    name = module.rpartition(".")[2]
    try:
        add(SERVER, module.partition(".")[0].removeprefix("cronnx_"))
    except (CommandError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    if Path(sys.prefix).resolve() != VENV.resolve():
        python = str(VENV / "bin" / "python")
        os.execv(python, [python, "-I", str(SERVER_SOURCE), module, *arguments])  # noqa: S606 - the same command, in .venv
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


def add(*locks: str) -> None:
    """Install the packages of `requirements/<lock>.txt` and the project's own packages into `.venv`.

    A complete environment is kept, whichever Python runs this; to change its Python, delete it.

    Raises:
        SetupError: This Python is not supported, or the environment cannot be created.
    """
    check_python(sys.version_info[:2])
    wanted = (*locks, PROJECT)
    if not is_whole(wanted):
        with setup_lock():
            _make(wanted)


def check_python(version: tuple[int, int]) -> None:
    """Raise SetupError unless this version of Python is supported."""
    if not OLDEST <= version <= NEWEST:
        got, oldest, newest = (".".join(map(str, each)) for each in (version, OLDEST, NEWEST))
        raise SetupError(
            f"expected Python {oldest} to {newest}, got {got} ({sys.executable}); "
            f"name one of these in the call, such as python{newest} scripts/serve"
        )


@contextlib.contextmanager
def setup_lock(state: Path = STATE) -> Iterator[None]:
    """Hold the lock of this clone: one process at a time installs packages or builds models.

    Raises:
        SetupError: The clone is read-only.
    """
    try:
        state.mkdir(exist_ok=True)
        lock = (state / "setup.lock").open("w")
    except OSError as error:
        raise SetupError(f"cannot write in {state}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.step("Waiting for another set-up of this clone")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(locks: tuple[str, ...]) -> None:
    if not is_whole((SERVER,)):  # a part of an earlier attempt, or of an older lock file, must not stay
        check_space(VENV.parent)
        progress.step(f"Creating .venv with Python {sys.version.split()[0]}")
        _make_venv()
    for lock in locks:
        if not is_whole((lock,)):
            _install(lock)


def check_space(folder: Path, *, needed_bytes: int = NEEDED_BYTES) -> None:
    """Raise SetupError unless the disk of `folder` has room for the environment."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise SetupError(
            f"expected {needed_bytes / 1024**3:.0f} GiB free on the disk of {folder}, got {free / 1024**3:.1f} GiB; "
            "free some and start again"
        )


def _make_venv() -> None:
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True)
    if made.returncode == 0:
        return
    log = made.stdout + made.stderr
    if "No space left" in log:
        raise SetupError("cannot create .venv: no space left on the disk; free some and start again")
    if "ensurepip" in log:
        version = ".".join(map(str, sys.version_info[:2]))
        raise SetupError(f"cannot create .venv: this Python has no ensurepip; apt-get install python{version}-venv")
    raise SetupError(f"cannot create .venv: {(log.strip().splitlines() or ['no reason given'])[-1]}")


def _install(lock: str) -> None:
    python = VENV / "bin" / "python"
    if lock == PROJECT:
        editable = [argument for folder in _own_packages() for argument in ("-e", str(folder))]
        packages.install(
            ["--no-deps", "--no-build-isolation", "--no-index", *editable], what="the project's packages", python=python
        )
    else:
        requirements = REQUIREMENTS / f"{lock}.txt"
        progress.step(f"Installing {_count(requirements)} locked packages ({requirements.name})")
        packages.install(["--require-hashes", "-r", str(requirements)], what=requirements.name, python=python)
    stamp(lock)


def _own_packages() -> list[Path]:
    """The folders of the project's Python distributions."""
    return sorted(path.parent for path in ROOT.glob("*/pyproject.toml"))


def _count(requirements: Path) -> int:
    return sum("==" in line for line in requirements.read_text().splitlines())


def is_whole(locks: tuple[str, ...], *, venv: Path = VENV, requirements: Path = REQUIREMENTS) -> bool:
    """Whether an environment has a Python and, by its stamps, the packages that these lock files list now."""
    stamps = {venv / f"{lock}.sha256": _digest(lock, requirements) for lock in locks}
    return (venv / "bin" / "python").exists() and all(
        path.exists() and path.read_text() == digest for path, digest in stamps.items()
    )


def stamp(lock: str, *, venv: Path = VENV, requirements: Path = REQUIREMENTS) -> None:
    """Record that an environment has the packages of a lock file; without a stamp it is incomplete or out of date."""
    (venv / f"{lock}.sha256").write_text(_digest(lock, requirements))


def _digest(lock: str, requirements: Path) -> str:
    own = lock == PROJECT
    sources = [folder / "pyproject.toml" for folder in _own_packages()] if own else [requirements / f"{lock}.txt"]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
