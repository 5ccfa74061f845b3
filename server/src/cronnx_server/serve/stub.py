"""Triton's Python stub for this interpreter, from the nvidia-pytriton wheel.

The wheel's stubs are built with a pybind11 before 2.12, which reads the item size of an array 32 bytes into the C
structure of the dtype, where NumPy 1 has it. NumPy 2 has it at 40, so every tensor would be empty. There is no NumPy 1
for Python 3.13: its stub is copied with five bytes changed, so that it reads at 40.

Source: `PyArray_Descr` and `_PyArray_LegacyDescr` in NumPy's `ndarraytypes.h`; pybind11's `PyArrayDescr_Proxy`.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cronnx_server.errors import SetupError

NAME = "triton_python_backend_stub"
NUMPY_1_ONLY = (3, 12)

STUB_3_13_SHA256 = "7b701b4b4bc01ca7af0350eaffa4f2aed92f02b465b3494a265059e4d3ca6cf8"
ITEM_SIZE_READS = (0xA6C74, 0xA6E90, 0xA7664, 0xA78A9, 0xACA2B)
NUMPY_1_OFFSET, NUMPY_2_OFFSET = 0x20, 0x28


def stub(stubs: Path, made: Path, *, version: tuple[int, int] = sys.version_info[:2]) -> Path:
    """The stub for this interpreter.

    Args:
        stubs: The wheel's folder of stubs, with one folder for each version of Python.
        made: Where to put a copy, if one is needed.
        version: The version of the interpreter.

    Raises:
        SetupError: The wheel has no stub for this version, or not the known one.
    """
    folder = ".".join(map(str, version))
    original = stubs / folder / NAME
    if not original.exists():
        raise SetupError(f"the server has no Python stub for {folder}; delete .triton and start again")
    if version <= NUMPY_1_ONLY:
        return original
    if not made.exists():
        partial = made.with_suffix(".partial")
        partial.write_bytes(for_numpy_2(original.read_bytes()))
        partial.chmod(0o755)
        partial.rename(made)
    return made


def for_numpy_2(content: bytes) -> bytes:
    """Change the stub for Python 3.13 to read item sizes where NumPy 2 has them.

    Raises:
        SetupError: `content` is not the stub for which the positions are known.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest != STUB_3_13_SHA256:
        raise SetupError(f"expected a stub with SHA-256 {STUB_3_13_SHA256[:12]}…, got {digest[:12]}…; use Python 3.12")
    changed = bytearray(content)
    for position in ITEM_SIZE_READS:
        if changed[position] != NUMPY_1_OFFSET:
            raise SetupError(f"expected {NUMPY_1_OFFSET:#x} at {position:#x} of the stub, got {changed[position]:#x}")
        changed[position] = NUMPY_2_OFFSET
    return bytes(changed)


def check(stub: Path, environment: Mapping[str, str]) -> None:
    """Run the stub once to see whether it lacks a library, because Triton does not say so.

    Raises:
        SetupError: A library is missing, and the message says what to install; or the stub cannot be run.
    """
    try:
        tried = subprocess.run([stub], env=dict(environment), capture_output=True, text=True)
    except OSError as error:
        raise SetupError(f"cannot run {stub}: {error.strerror}") from error
    missing = re.search(r"shared libraries: (\S+):", tried.stderr)
    if missing:
        version = ".".join(map(str, sys.version_info[:2]))
        raise SetupError(
            f"Triton's Python stub needs {missing[1]}, which is not on this machine: "
            f"apt-get install libpython{version}, or use a Python built with --enable-shared"
        )
