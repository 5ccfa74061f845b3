"""`.venv`: the Python environment of every command, of the backends and of the client.

This module, `errors`, `packages`, `paths` and `progress` run before `.venv` exists: they import only the standard
library.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import runpy
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from cronnx_server import packages, progress
from cronnx_server.errors import CommandError, SetupError
from cronnx_server.paths import REQUIREMENTS, ROOT, SERVER_SOURCE, STATE, VENV

OLDEST, NEWEST = (3, 10), (3, 13)
NEEDED_BYTES = 2 * 1024**3
SERVER = "server"
"""The lock file that every command needs: `requirements/server.txt`."""
INSTALLED_COMMAND = "hatchling"
"""A command of a package in `requirements/server.txt`."""
PROJECT = "project"
"""Takes the place of a lock file for the project's own packages, which are installed in editable mode."""
FOREIGN = ("PYTHONHOME", "PYTHONPATH", "PYTHONPLATLIBDIR", "PYTHONSAFEPATH", "PYTHONUSERBASE")
"""The variables of other software that would bring its packages into `.venv`."""
BROKEN_PIPE = 141
"""The exit status of a command whose reader left: 128 + SIGPIPE, as a shell reports it."""


def run(module: str, arguments: Sequence[str]) -> int:
    """Run a command in `.venv`, which is created or repaired first.

    Args:
        module: The module to run, as for `python -m`. Its package `cronnx_<name>` also needs `requirements/<name>.txt`.
        arguments: The arguments of the command.

    Returns:
        1 if `.venv` cannot be created, 141 if nobody reads the output of the command any more. Otherwise the command
        ends this process with its own status.
    """
    name = module.rpartition(".")[2]
    for variable in FOREIGN:
        os.environ.pop(variable, None)
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # as in the backend: cronnx_onnxruntime
    try:
        check_place(ROOT)
        add(SERVER, module.partition(".")[0].removeprefix("cronnx_"))
    except (CommandError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    if Path(sys.prefix).resolve() != VENV.resolve():
        python = str(VENV / "bin" / "python")
        os.execv(python, [python, "-I", str(SERVER_SOURCE), module, *arguments])  # noqa: S606 - the same command, in .venv
    sys.argv[1:] = arguments
    try:
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if all(map(_has_reader, (sys.stdout, sys.stderr))):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more at exit
        return BROKEN_PIPE
    return 0


def _has_reader(stream: IO[str]) -> bool:
    """Whether somebody reads a stream: true unless it is a pipe whose other end is closed."""
    poll = select.poll()
    poll.register(stream, 0)
    return not any(events & select.POLLERR for _, events in poll.poll(0))


def check_place(root: Path) -> None:
    """Raise SetupError if the path of the clone has a character that Python, PATH or a shell would take for another.

    The Python of Triton's stubs takes ASCII for the encoding of file names, and no variable changes that; `:` and `;`
    divide search paths; pip puts the path between double quotes for a shell.
    """
    odd = re.search(r"""[^ -~]|[:;"$`\\]""", str(root))
    if odd:
        raise SetupError(
            f'expected a path of the clone of ASCII characters without : ; " $ ` \\, got {odd[0]!r} in {str(root)!r}; '
            "move the clone"
        )


def add(*locks: str) -> None:
    """Install the packages of `requirements/<lock>.txt` and the project's own packages into `.venv`.

    A complete environment is kept, whichever Python runs this; to change its Python, delete it.

    Raises:
        SetupError: This Python is not supported, or the environment cannot be created.
    """
    check_python(sys.version_info[:2])
    check_access(VENV / "bin" / "python")
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


def check_access(python: Path) -> None:
    """Raise SetupError if this user may not run the Python of an environment; one that is absent is fine."""
    try:
        python.stat()
    except PermissionError as error:
        raise SetupError(
            f"expected a Python that this user can run, got {python}: {error.strerror}; delete .venv, and as the owner "
            "of the clone start scripts/set_up with a Python that every user can read, such as /usr/bin/python3"
        ) from error
    except OSError:
        return


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
        with progress.running(f"Creating .venv with Python {sys.version.split()[0]}"):
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
    command = [sys.executable, "-m", "venv", "--without-pip", "--clear", str(VENV)]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode == 0:
        return
    log = made.stdout + made.stderr
    if "No space left" in log:
        raise SetupError("cannot create .venv: no space left on the disk; free some and start again")
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
        packages.install(
            ["--no-deps", "--require-hashes", "-r", str(requirements)],  # a lock names the dependencies too
            what=f"{_count(requirements)} locked packages ({requirements.name})",
            python=python,
        )
    stamp(lock)


def _own_packages() -> list[Path]:
    """The folders of the project's Python distributions."""
    return sorted(path.parent for path in ROOT.glob("*/pyproject.toml"))


def _count(requirements: Path) -> int:
    return sum("==" in line for line in requirements.read_text().splitlines())


def is_whole(locks: tuple[str, ...], *, venv: Path = VENV, requirements: Path = REQUIREMENTS) -> bool:
    """Whether an environment was made here, has a Python and, by its stamps, the packages that these locks list now."""
    stamps = {venv / f"{lock}.sha256": _digest(lock, requirements) for lock in locks}
    return _is_of_this_place(venv) and all(
        path.exists() and path.read_text() == digest for path, digest in stamps.items()
    )


def _is_of_this_place(venv: Path) -> bool:
    """Whether an environment was made where it is: one that was moved or copied names the packages of the old place.

    The command of a package names the Python that it was installed for.
    """
    command = venv / "bin" / INSTALLED_COMMAND
    places = {os.fsencode(place / "bin") for place in (venv, venv.resolve())}
    return (
        (venv / "bin" / "python").exists()
        and command.exists()
        and any(place in command.read_bytes() for place in places)
    )


def stamp(lock: str, *, venv: Path = VENV, requirements: Path = REQUIREMENTS) -> None:
    """Record that an environment has the packages of a lock file; without a stamp it is incomplete or out of date."""
    (venv / f"{lock}.sha256").write_text(_digest(lock, requirements))


def _digest(lock: str, requirements: Path) -> str:
    own = lock == PROJECT
    sources = [folder / "pyproject.toml" for folder in _own_packages()] if own else [requirements / f"{lock}.txt"]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
