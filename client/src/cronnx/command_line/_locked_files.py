"""Files that one process at a time appends to, on Linux, macOS and Windows."""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_BINARY: int = getattr(os, "O_BINARY", 0)  # Windows changes line ends without it

_LOCKED_BYTE = 2**31 - 2
"""Windows locks bytes, which no other process can then read: one far behind the records."""


def open_locked(path: str) -> int:
    """Open a file for reading and appending, or create it, and lock it against other processes.

    Returns:
        The file descriptor. Closing it unlocks the file.

    Raises:
        BlockingIOError: Another process has locked the file.
        OSError: The file cannot be opened or locked.
    """
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _BINARY, 0o666)
        try:
            _lock(file)
            if _is_at(file, path):
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # its last user has removed it: open the new one


def remove_locked(path: str, file: int) -> None:
    """Remove a file and close its descriptor."""
    if sys.platform == "win32":  # an open file cannot be removed there
        os.close(file)
        os.unlink(path)  # noqa: PTH108 - beside os.open
    else:
        os.unlink(path)  # noqa: PTH108 - beside os.open
        os.close(file)


def sync_folder(path: str) -> None:
    """Sync the folder of `path`, so that a new name in it survives a power failure. Windows does it by itself."""
    if sys.platform == "win32":
        return
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)  # noqa: PTH120 - beside os.open
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _lock(file: int) -> None:
    if sys.platform == "win32":
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_at(file: int, path: str) -> bool:
    if sys.platform == "win32":  # an open file cannot be removed there
        return True
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))  # noqa: PTH116 - the twin of os.fstat
    except FileNotFoundError:
        return False
