"""The key of Triton's restricted APIs: where it is read from, and the flags that make `tritonserver` require it.

The standard library suffices: the health check of a container imports this module. Source: "Limit Endpoint Access" in
docs/customization_guide/inference_protocols.md of triton-inference-server/server.
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
    """Read the key from the file that `CRONNX_KEY_FILE` names, otherwise from `CRONNX_KEY`; empty if there is none.

    Raises:
        KeyFileError: The file cannot be read, or the key cannot be used.
    """
    name = environ.get(KEY_FILE)
    if not name:
        return _checked(environ.get(KEY, ""), f"${KEY}")
    try:
        return _checked(Path(name).read_bytes().strip().decode("ascii", errors="replace"), name)
    except OSError as error:
        raise KeyFileError(f"cannot read the key in {name}: {error.strerror}") from error


def _checked(text: str, source: str) -> str:
    """Return a key that Triton accepts and every client can send, or an empty text; never show it in an error."""
    if text and not _TEXT.fullmatch(text):
        raise KeyFileError(
            f"expected a key of 16 to 256 characters from A-Z a-z 0-9 . _ ~ + / = -, "
            f"got {len(text)} characters in {source}"
        )
    return text


def restricted_api_flags(key: str) -> list[str]:
    """The flags that make `tritonserver` require a key over HTTP and gRPC; none for an empty key.

    Triton takes a key in no other way: the process list shows it (SECURITY.md).
    """
    restriction = f"{','.join(RESTRICTED_APIS)}:{HEADER}={key}"
    return [f"--http-restricted-api={restriction}", f"--grpc-restricted-protocol={restriction}"] if key else []
