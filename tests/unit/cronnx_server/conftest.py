from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cronnx_server import environment
from cronnx_server.serve import tritonserver

WriteWheel = Callable[[str], str]


@pytest.fixture(scope="session")
def served() -> Path:
    """The wheel's `tritonserver`, unpacked; the first test fetches it from the package index."""
    with environment.setup_lock():
        return tritonserver.unpacked()


@pytest.fixture
def write_wheel(tmp_path: Path) -> WriteWheel:
    """Write a wheel with one module, and return its line of a requirements file."""

    def write(source: str) -> str:
        path = tmp_path / "toy-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("toy/__init__.py", source)
            wheel.writestr("toy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
            wheel.writestr("toy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr("toy-1.0.dist-info/RECORD", "")
        return f"toy @ {path.as_uri()} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"

    return write
