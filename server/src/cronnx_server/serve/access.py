"""The key that a server requires before anyone changes it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cronnx_server.errors import KeyFileError
from cronnx_server.key import KEY, KEY_FILE, read_key
from cronnx_server.paths import STATE
from cronnx_server.serve.addresses import Addresses

_RANDOM_BYTES = 32
_GROUP_AND_OTHERS = 0o077


@dataclass(frozen=True)
class Key:
    """A key that requests to the restricted APIs must carry.

    Attributes:
        text: The key; `repr` does not show it.
        source: The file or the environment variable that holds it.
    """

    text: str = field(repr=False)
    source: str


def key_for(addresses: Addresses, environ: Mapping[str, str], *, made: Path = STATE / "key") -> Key | None:
    """Find the key: the user's own, otherwise none on loopback, otherwise one that is made once and kept.

    Args:
        addresses: Where the server listens.
        environ: The environment variables that may name or hold a key; see `read_key`.
        made: The file that keeps a key made here.

    Raises:
        KeyFileError: The key cannot be read or used, or other users can read its file.
    """
    file = environ.get(KEY_FILE)
    if text := read_key(environ):
        if file:
            _check_private(Path(file))
        return Key(text, file or f"${KEY}")
    return None if addresses.is_loopback else _made(made)


def _made(path: Path) -> Key:
    if not path.exists():
        _write(path, secrets.token_urlsafe(_RANDOM_BYTES))
    _check_private(path)
    if text := read_key({KEY_FILE: str(path)}):
        return Key(text, str(path))
    raise KeyFileError(f"{path} is empty; delete it, and the next start makes a key")


def _check_private(path: Path) -> None:
    """Raise KeyFileError if anyone but the file's owner can read or write it."""
    mode = path.stat().st_mode & 0o777
    if mode & _GROUP_AND_OTHERS:
        raise KeyFileError(f"expected a key file that only its owner can read, got mode {mode:04o}; chmod 600 {path}")


def _write(path: Path, text: str) -> None:
    """Write the key to a new file that only its owner can read; if two starts race, the first one's key stays."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - a descriptor
            file.write(f"{text}\n")
    except FileExistsError:
        return
    except OSError as error:
        raise KeyFileError(f"cannot write {path}: {error.strerror}") from error
