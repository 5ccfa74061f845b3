"""`.venv`: the Python environment that the scripts, the backends and the client run in."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from local_server import packages, progress
from local_server.errors import SetupError
from local_server.paths import CLIENT, REQUIREMENTS, STATE, VENV

OLDEST, NEWEST = (3, 10), (3, 13)
NEEDED_BYTES = 2 * 1024**3


def enter(*locks: str) -> None:
    """Go on inside `.venv`, which holds what `requirements/<lock>.txt` lists: make or mend it, then start over there.

    An environment that is whole is kept, whichever Python asks; to change its Python, delete it.

    Raises:
        SetupError: this Python will not do, or the environment cannot be made.
    """
    check_python(sys.version_info[:2])
    if not is_whole(locks):
        with alone():
            _make(locks)
    if Path(sys.prefix).resolve() != VENV.resolve():
        python = str(VENV / "bin" / "python")
        os.execv(python, [python, *sys.argv])  # noqa: S606 - the same script, in the environment it needs


def check_python(version: tuple[int, int]) -> None:
    """Raise SetupError unless this Python's version will do."""
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
    if not is_whole(locks[:1]):
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
    if lock == "serve":
        packages.install(
            ["--no-deps", "--no-build-isolation", "--no-index", "-e", str(CLIENT)],
            what="the client",
            python=python,
        )
    stamp(lock)


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
    sources = [requirements / f"{lock}.txt", *([CLIENT / "pyproject.toml"] if lock == "serve" else [])]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
