"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from cronnx_server.errors import CommandError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, flush it to the disk, and rename it into place; its folder is created.

    Raises:
        CommandError: The file cannot be written; nothing is left of it, and a file that was there is unchanged.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
            path.parent.rmdir()  # Triton would take an empty folder for a version that does not load
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
