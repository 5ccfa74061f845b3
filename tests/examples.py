"""The programs of `examples/`, to be run or imported."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from types import ModuleType

from cronnx_server.paths import ROOT

FOLDER = ROOT / "examples"


def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program as a user does."""
    command = [sys.executable, str(FOLDER / f"{name}.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def imported(name: str) -> ModuleType:
    """Import a program without running it."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
