"""The shared-memory files through which a server and its Python stubs exchange tensors.

A killed server leaves these files, which occupy one to tens of megabytes of memory for each instance. To tell them
from the files of running servers, each `scripts/serve` uses a name of its own and holds a lock with that name while it
runs. The kernel releases the lock when the process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cronnx_server.errors import StartError

FOLDER = Path("/dev/shm")  # noqa: S108 - where Linux keeps shared memory
PREFIX, LOCK = "triton_serve_", ".lock"


class Regions:
    """The shared-memory files of one `scripts/serve`, which share a prefix."""

    def __init__(self, lock: Path) -> None:
        """Use the name of this lock file."""
        self._lock = lock

    def flag(self) -> str:
        """The flag of `tritonserver`: `shm-region-prefix-name` in the python_backend's README."""
        return f"--backend-config=python,shm-region-prefix-name={self._lock.name.removesuffix(LOCK)}_"

    def remove(self) -> None:
        """Remove the files; no server may use them any more."""
        for path in self._lock.parent.glob(f"{self._lock.name.removesuffix(LOCK)}_*"):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def claimed(folder: Path = FOLDER) -> Iterator[Regions]:
    """Reserve a name for the `with` block, and remove its files afterwards.

    Files of servers whose `scripts/serve` was killed are removed first.

    Raises:
        StartError: `folder` cannot be written to.
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
    """Remove the files whose lock no process holds."""
    for lock in folder.glob(f"{PREFIX}*{LOCK}"):
        with contextlib.suppress(OSError), lock.open() as file:  # locked by a running server, or already removed
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            Regions(lock).remove()
            lock.unlink()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    while True:
        try:
            descriptor, name = tempfile.mkstemp(prefix=PREFIX, suffix=LOCK, dir=folder)
        except OSError as error:
            raise StartError(f"cannot write in {folder}, which Python backends need: {error.strerror}") from error
        with open(descriptor) as file:  # noqa: PTH123 - a descriptor
            fcntl.flock(file, fcntl.LOCK_EX)
            if not os.fstat(descriptor).st_nlink:  # another start removed it between the two calls
                continue
            yield Path(name)
            return
