"""The files in shared memory that a server and its Python stubs give each other tensors by.

A server that is killed leaves them, and they are memory: one to tens of megabytes an instance. So that they can be
told from those of servers that live, each `scripts/serve` gives its own a name, and holds a lock of that name while it
lives: the kernel gives up a lock with the process that held it, however that ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cronnx_server.errors import SetupError

FOLDER = Path("/dev/shm")  # noqa: S108 - where Linux keeps shared memory
PREFIX, LOCK = "triton_serve_", ".lock"


class Regions:
    """The files of one server after another, with a name of their own."""

    def __init__(self, lock: Path) -> None:
        """Take the name from the lock that is held for it."""
        self._lock = lock

    def flag(self) -> str:
        """As `tritonserver` takes it, for every backend in Python.

        See `shm-region-prefix-name` in the python_backend's README.
        """
        return f"--backend-config=python,shm-region-prefix-name={self._lock.name.removesuffix(LOCK)}_"

    def remove(self) -> None:
        """Remove them: no server may use them any more."""
        for path in self._lock.parent.glob(f"{self._lock.name.removesuffix(LOCK)}_*"):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def claimed(folder: Path = FOLDER) -> Iterator[Regions]:
    """A name that nobody else has while this lasts; files of that name are removed after it.

    What servers have left whose `scripts/serve` was killed is removed before.

    Raises:
        SetupError: nothing can be written there.
    """
    remove_abandoned(folder)
    with _locked(folder) as lock:
        regions = Regions(lock)
        try:
            yield regions
        finally:
            regions.remove()
            lock.unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Remove the files whose lock nobody holds."""
    for lock in folder.glob(f"{PREFIX}*{LOCK}"):
        with contextlib.suppress(OSError), lock.open() as file:  # another's, or gone meanwhile
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            Regions(lock).remove()
            lock.unlink()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    while True:
        try:
            descriptor, name = tempfile.mkstemp(prefix=PREFIX, suffix=LOCK, dir=folder)
        except OSError as error:
            raise SetupError(f"cannot write in {folder}, which Python backends need: {error.strerror}") from error
        with open(descriptor) as file:  # noqa: PTH123 - a descriptor
            fcntl.flock(file, fcntl.LOCK_EX)
            if not os.fstat(descriptor).st_nlink:  # one who cleans up was between the two calls
                continue
            yield Path(name)
            return
