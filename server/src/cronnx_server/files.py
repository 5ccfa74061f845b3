"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from cronnx_server.errors import CommandError

PARTIAL = ".partial"
"""Ends the name of what is not whole yet; Triton takes no such folder for a version."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, flush it to the disk, and rename it into place.

    A folder that is missing appears with the file in it: Triton would take an empty one for a version that does not
    load. Leftovers of an interrupted write are replaced.

    Raises:
        CommandError: The file cannot be written; nothing is left of it, and a file that was there is unchanged.
    """
    place = _missing(path)
    partial = place.with_name(f"{place.name}{PARTIAL}")
    try:
        remove(partial)
        written = partial / path.relative_to(place)
        written.parent.mkdir(parents=True, exist_ok=True)
        with written.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(place)
        flush_folder(place.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            remove(partial)
        raise CommandError(f"cannot write {path}: {error.strerror}") from error


def _missing(path: Path) -> Path:
    """The highest folder above a file that does not exist; the file itself if its folder does."""
    return _missing(path.parent) if not path.parent.exists() else path


def remove(path: Path) -> None:
    """Remove a file or a folder, unless there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
