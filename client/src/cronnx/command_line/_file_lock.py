"""A file that one process at a time may write."""

from __future__ import annotations

import fcntl
import os


def open_alone(path: str) -> int:
    """Open a file for reading and appending, made where there is none, and keep other processes out while it is open.

    Raises:
        BlockingIOError: Another process has it.
        OSError: It cannot be opened or locked.
    """
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(file, path):
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # the process that had it removed it: take the new one


def _is_at(file: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))  # noqa: PTH116 - the twin of os.fstat
    except FileNotFoundError:
        return False


def sync_folder(path: str) -> None:
    """Make the names in the folder of `path` outlive a power failure."""
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)  # noqa: PTH120 - beside os.open
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
