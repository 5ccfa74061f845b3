"""`.venv`: the Python environment that every command, the backends and the client run in.

This module, `errors`, `packages`, `paths` and `progress` run before it exists: they import the standard library only.
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
"""The lock that every command needs, `requirements/server.txt`."""


def run(module: str, arguments: Sequence[str]) -> int:
    """Run a command inside `.venv`, which is created or repaired first.

    Args:
        module: what `python -m` would run. Its package, `cronnx_<lock>`, names the lock it needs beside `server`.
        arguments: its command line.

    Returns:
        The exit status where the environment cannot be created; otherwise the command's own, by SystemExit.
    """
    name = module.rpartition(".")[2]
    try:
        add(SERVER, module.partition(".")[0].removeprefix("cronnx_"))
    except CommandError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    if Path(sys.prefix).resolve() != VENV.resolve():
        python = str(VENV / "bin" / "python")
        os.execv(python, [python, "-I", str(SERVER_SOURCE), module, *arguments])  # noqa: S606 - started over in .venv
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


def add(*locks: str) -> None:
    """Make `.venv` hold what `requirements/<lock>.txt` lists, and the project's own packages.

    An environment that is complete is kept, whichever Python asks; to change its Python, delete it.

    Raises:
        SetupError: this Python is not supported, or the environment cannot be created.
    """
    check_python(sys.version_info[:2])
    if not is_whole(locks):
        with alone():
            _make(locks)


def check_python(version: tuple[int, int]) -> None:
    """Raise SetupError unless this Python's version is supported."""
    if not OLDEST <= version <= NEWEST:
        came, oldest, newest = (".".join(map(str, each)) for each in (version, OLDEST, NEWEST))
        raise SetupError(
            f"Python {came} ({sys.executable}) came, {oldest} to {newest} is expected: name it in the call"
        )


@contextlib.contextmanager
def alone(state: Path = STATE) -> Iterator[None]:
    """Two set-ups of one clone take turns; this lasts while one works.

    Raises:
        SetupError: the clone cannot be written to.
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
    if not (VENV / "bin" / "python").exists():
        check_space(VENV.parent)
        progress.step(f"Making .venv with Python {sys.version.split()[0]}")
        _make_venv()
    for lock in locks:
        if not is_whole((lock,)):
            _install(lock)


def check_space(folder: Path, *, needed_bytes: int = NEEDED_BYTES) -> None:
    """Raise SetupError unless the disk under `folder` can take a set-up."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise SetupError(
            f"{free / 1024**3:.1f} GiB free on the disk of {folder}, {needed_bytes / 1024**3:.0f} GiB are needed"
        )


def _make_venv() -> None:
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True)
    if made.returncode == 0:
        return
    log = made.stdout + made.stderr
    if "No space left" in log:
        raise SetupError("cannot make .venv: no space left on the disk; free some and start again")
    if "ensurepip" in log:
        version = ".".join(map(str, sys.version_info[:2]))
        raise SetupError(f"cannot make .venv: this Python has no ensurepip; apt-get install python{version}-venv")
    raise SetupError(f"cannot make .venv: {(log.strip().splitlines() or ['no reason given'])[-1]}")


def _install(lock: str) -> None:
    python = VENV / "bin" / "python"
    requirements = REQUIREMENTS / f"{lock}.txt"
    progress.step(f"Installing {_count(requirements)} locked packages ({requirements.name})")
    packages.install(["--require-hashes", "-r", str(requirements)], what=requirements.name, python=python)
    if lock == SERVER:
        editable = [argument for folder in _own_packages() for argument in ("-e", str(folder))]
        packages.install(
            ["--no-deps", "--no-build-isolation", "--no-index", *editable], what="the project's packages", python=python
        )
    stamp(lock)


def _own_packages() -> list[Path]:
    """The project's folders that hold a Python distribution."""
    return sorted(path.parent for path in ROOT.glob("*/pyproject.toml"))


def _count(requirements: Path) -> int:
    return sum("==" in line for line in requirements.read_text().splitlines())


def is_whole(locks: tuple[str, ...], *, venv: Path = VENV, requirements: Path = REQUIREMENTS) -> bool:
    """Whether an environment has a Python and what these locks list now, by its stamps."""
    stamps = {venv / f"{lock}.sha256": _digest(lock, requirements) for lock in locks}
    return (venv / "bin" / "python").exists() and all(
        path.exists() and path.read_text() == digest for path, digest in stamps.items()
    )


def stamp(lock: str, *, venv: Path = VENV, requirements: Path = REQUIREMENTS) -> None:
    """Note, last of all, that an environment has what a lock lists: without it, it is half-made or out of date."""
    (venv / f"{lock}.sha256").write_text(_digest(lock, requirements))


def _digest(lock: str, requirements: Path) -> str:
    own = [folder / "pyproject.toml" for folder in _own_packages()] if lock == SERVER else []
    sources = [requirements / f"{lock}.txt", *own]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
