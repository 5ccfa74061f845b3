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
    _check_python()
    if not _is_whole(locks):
        with alone():
            _make(locks)
    if Path(sys.prefix).resolve() != VENV.resolve():
        python = str(VENV / "bin" / "python")
        os.execv(python, [python, *sys.argv])  # noqa: S606 - the same script, in the environment it needs


def _check_python() -> None:
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        came, oldest, newest = (".".join(map(str, each)) for each in (version, OLDEST, NEWEST))
        raise SetupError(
            f"Python {came} ({sys.executable}) came, {oldest} to {newest} is expected: name it in the call"
        )


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Two set-ups of one clone take turns; this lasts while one works."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.step("Waiting for another set-up of this clone")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(locks: tuple[str, ...]) -> None:
    if not _is_whole(locks[:1]):
        check_space(VENV.parent)
        progress.step(f"Making .venv with Python {sys.version.split()[0]}")
        _make_venv()
    for lock in locks:
        if not _is_whole((lock,)):
            _install(lock)


def check_space(folder: Path) -> None:
    """Raise SetupError unless the disk under `folder` can take a set-up."""
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise SetupError(
            f"{free / 1024**3:.1f} GiB free on the disk of {folder}, {NEEDED_BYTES / 1024**3:.0f} GiB are needed"
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
    _stamp(lock).write_text(_digest(lock))


def _count(requirements: Path) -> int:
    return sum("==" in line for line in requirements.read_text().splitlines())


def _is_whole(locks: tuple[str, ...]) -> bool:
    """A stamp is written last: without it, or with another's digest, the environment is half-made or out of date."""
    return (VENV / "bin" / "python").exists() and all(
        _stamp(lock).exists() and _stamp(lock).read_text() == _digest(lock) for lock in locks
    )


def _stamp(lock: str) -> Path:
    return VENV / f"{lock}.sha256"


def _digest(lock: str) -> str:
    sources = [REQUIREMENTS / f"{lock}.txt", *([CLIENT / "pyproject.toml"] if lock == "serve" else [])]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
