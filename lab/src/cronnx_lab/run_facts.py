"""Facts about a run that a reader needs to compare it with another: machine, versions and options."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from cronnx_preprocess.cores import usable_cores
from cronnx_server.paths import ROOT

PACKAGES = ("onnxruntime", "pillow", "numpy", "fastapi", "uvicorn")


def run_facts(*, model: str, rounds: int, seconds: float, note: str = "") -> dict[str, str]:
    """Collect the facts by name; `seconds` is the length of one case."""
    return {
        "note": note,
        "began": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "commit": commit(),
        "model": model,
        "rounds": f"{rounds} of {seconds:g} s per case",
        "machine": machine(),
        "system": f"Linux {platform.release()}, glibc {platform.libc_ver()[1]}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES),
    }


def commit() -> str:
    """The commit of the project; a plus sign means uncommitted changes."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--exclude=*", "--dirty=+"]
    try:
        described = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return described.stdout.strip() or "unknown"


def machine() -> str:
    """The number of usable cores, the processor and the GPUs."""
    return ", ".join([f"{usable_cores()} cores", _processor(), *_gpus()])


def _gpus() -> list[str]:
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        named = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return []
    return named.stdout.splitlines() if named.returncode == 0 else []


def _processor() -> str:
    named = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return named[1] if named else platform.machine()
