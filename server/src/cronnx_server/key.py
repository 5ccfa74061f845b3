"""The key of Triton's restricted APIs: from a file, which a secret is mounted as, or from the environment.

Source: "Limit Endpoint Access" in Triton's docs/customization_guide/inference_protocols.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from cronnx_server.errors import KeyFileError

KEY_FILE, KEY, HEADER = "CRONNX_KEY_FILE", "CRONNX_KEY", "cronnx-key"
RESTRICTED_APIS = ("model-repository", "shared-memory", "trace", "logging")

_TEXT = re.compile(r"[A-Za-z0-9._~+/=-]{16,256}")


def read_key(environ: Mapping[str, str]) -> str:
    """The key in the file that `CRONNX_KEY_FILE` names, or else in `CRONNX_KEY`; empty where both are.

    Raises:
        KeyFileError: it cannot be read, or not be used.
    """
    name = environ.get(KEY_FILE)
    if not name:
        return checked_key(environ.get(KEY, ""), f"${KEY}")
    try:
        return checked_key(Path(name).read_bytes().strip().decode("ascii", errors="replace"), name)
    except OSError as error:
        raise KeyFileError(f"cannot read the key in {name}: {error.strerror}") from error


def checked_key(text: str, source: str) -> str:
    """Give a key back, or what is empty, named by its source.

    Raises:
        KeyFileError: Triton could not take it, or not every client send it.
    """
    if text and not _TEXT.fullmatch(text):
        raise KeyFileError(
            f"the key in {source} has {len(text)} characters, or others than are expected: 16 to 256 of A-Z, a-z, 0-9 "
            "and ._~+/=-"
        )
    return text


def restrictions(key: str) -> list[str]:
    """What makes `tritonserver` ask for a key, over both protocols: arguments to be concealed."""
    restriction = f"{','.join(RESTRICTED_APIS)}:{HEADER}={key}"
    return [f"--http-restricted-api={restriction}", f"--grpc-restricted-protocol={restriction}"]
