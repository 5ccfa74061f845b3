"""The key that a server asks of those who change it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cronnx_server.errors import KeyFileError, SetupError
from cronnx_server.key import KEY, KEY_FILE, read_key
from cronnx_server.paths import STATE
from cronnx_server.serve.addresses import Addresses

_RANDOM_BYTES = 32


@dataclass(frozen=True)
class Key:
    """What a request to a restricted API must bring.

    Attributes:
        text: the key itself, which nothing shows.
        source: where it is.
    """

    text: str = field(repr=False)
    source: str


def key_for(addresses: Addresses, environ: Mapping[str, str], *, made: Path = STATE / "key") -> Key | None:
    """The key that the environment gives or names; without, none on loopback, elsewhere one that is made and kept.

    Args:
        addresses: where the server will listen.
        environ: see `read_key`.
        made: where a key is kept that was made.

    Raises:
        SetupError: it cannot be read, or not be used.
    """
    if text := _read(environ):
        return Key(text, environ.get(KEY_FILE) or f"${KEY}")
    return None if addresses.is_loopback else _made(made)


def _made(path: Path) -> Key:
    if not path.exists():
        _write(path, secrets.token_urlsafe(_RANDOM_BYTES))
    if path.stat().st_mode & 0o077:
        raise SetupError(f"{path} can be read by other users of this machine: delete it for a new key")
    if text := _read({KEY_FILE: str(path)}):
        return Key(text, str(path))
    raise SetupError(f"{path} is empty: delete it for a new key")


def _read(environ: Mapping[str, str]) -> str:
    try:
        return read_key(environ)
    except KeyFileError as error:
        raise SetupError(str(error)) from error


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and never where another user can read it; of two who do, the first has written it."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch(mode=0o600)
        with partial.open("w") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)
    except FileExistsError:
        return
    except OSError as error:
        raise SetupError(f"cannot write {path}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
