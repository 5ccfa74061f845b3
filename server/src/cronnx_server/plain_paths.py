"""Paths for Triton's Python backend, which passes them through a shell without quotes to a Python that takes ASCII.

A folder whose path has other characters is reached over a link below `.triton`, from the project's folder, where every
server starts.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from pathlib import Path

from cronnx_server.errors import SetupError
from cronnx_server.paths import LINKS, ROOT

PLAIN = re.compile(r"[A-Za-z0-9_./+,=@%-]*")


def plain(path: Path, *, links: Path = LINKS, root: Path = ROOT) -> str:
    """A path without blanks, shell characters and letters beyond ASCII that leads to `path`.

    Args:
        path: An absolute path.
        links: The folder that gets a link if one is needed.
        root: The folder that the server starts in.

    Raises:
        SetupError: The link cannot be made.
    """
    if PLAIN.fullmatch(str(path)):
        return str(path)
    link = links / hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    try:
        links.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # its name says where it leads
            link.symlink_to(path)
    except OSError as error:
        raise SetupError(f"cannot write {link}: {error.strerror}") from error
    return str(link.relative_to(root))
