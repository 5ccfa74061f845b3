"""The machine that a server would run on, as a value."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cronnx_preprocess.cores import quota_cores
from cronnx_server.serve.tritonserver import NVIDIA, NVIDIA_ONNXRUNTIME, OUR_BACKENDS, gpu_count

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Triton's Python stubs keep tensors


@dataclass(frozen=True)
class Machine:
    """The resources of a machine.

    Attributes:
        cores: The CPU cores that a process sees, by which libraries choose their threads.
        core_limit: How many cores' time the process may use; less than `cores` in a container with a quota.
        gpus: The number of NVIDIA GPUs.
        shared_memory_free_bytes: The free shared memory, in bytes.
        python_based: Whether each installed backend runs in Python stubs, by name.
        missing_library: The library that the stubs need and this machine lacks; None if it has it.
        most_open_files: The hard limit of open files, to which `scripts/serve` raises the soft one.
    """

    cores: int
    core_limit: float
    gpus: int
    shared_memory_free_bytes: int
    python_based: Mapping[str, bool]
    missing_library: str | None = None
    most_open_files: int = 2**20

    def threads(self, configured: int) -> int:
        """How many threads a library starts; `configured` 0 is one for each core."""
        return configured or self.cores


def this_machine() -> Machine:
    """The resources of this machine."""
    cores = len(os.sched_getaffinity(0))
    nvidia = (NVIDIA / NVIDIA_ONNXRUNTIME).exists()
    return Machine(
        cores=cores,
        core_limit=min(cores, quota_cores()),
        gpus=gpu_count(),
        shared_memory_free_bytes=shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.is_dir() else 0,
        python_based=_nvidia_backends() if nvidia else dict.fromkeys((*OUR_BACKENDS, "python"), True),
        missing_library=None if nvidia else _missing_library(),
        most_open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    )


def _nvidia_backends() -> dict[str, bool]:
    found = {path.name: not list(path.glob("libtriton_*.so")) for path in (NVIDIA / "backends").iterdir()}
    return {**dict.fromkeys(OUR_BACKENDS, True), **found, "python": True}


def _missing_library() -> str | None:
    name = f"libpython{sys.version_info.major}.{sys.version_info.minor}.so.1.0"
    if (Path(sysconfig.get_config_var("LIBDIR")) / name).exists():
        return None
    try:
        ctypes.CDLL(name)
    except OSError:
        return name
    return None
