"""The folder that a server with TensorRT starts in: one for each release of Triton and each kind of GPU.

The profiles keep TensorRT's engines in `engines`, relative to it. ONNX Runtime names an engine after the graph, its own
version, CUDA, TensorRT and the compute capability, but not after the GPU: one of another GPU may not load, and then the
model does not. In a folder of its own it is built anew.

ONNX Runtime writes an engine in place, and one that is not whole fails every later load. So the folder lists the
engines with which a server has become ready, and a start deletes all others. The standard library suffices: `launch`
imports this module.

Source: `TRTGenerateId` and `CreateNodeComputeInfoFromGraph` in ONNX Runtime's core/providers/tensorrt.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from cronnx_server.errors import CommandError
from cronnx_server.files import write_whole

RELEASE = "NVIDIA_TRITON_SERVER_VERSION"
"""The variable of NVIDIA's image that has the release of Triton, such as 26.07."""
LISTED = re.compile(r"^GPU \d+: (?P<gpu>.+) \(UUID: |^ +MIG (?P<mig>\S+) ", re.MULTILINE)
TIMEOUT_S = 20.0
ENGINES = "engines"
"""The value of `trt_engine_cache_path` in the profiles."""
PROVEN = "proven.json"
"""Has the size in bytes of each engine with which a server has become ready."""


def folder(root: Path, *, release: str, gpus: Iterable[str]) -> Path:
    """The folder for a release of Triton and these GPUs.

    Args:
        root: The folder that keeps the engines of every release and GPU.
        release: The release of Triton, such as `26.07`.
        gpus: The names of the GPUs; several of one name count once.
    """
    words = re.findall(r"[\w.]+", " ".join(sorted(set(gpus))))
    return root / "_".join((release, *words))


def prepare(root: Path, *, release: str, gpus: Iterable[str]) -> Path:
    """Make the folder if it is missing, delete engines that may not be whole, and return it; see `folder`.

    Another server that builds them at this moment is not disturbed: it does not read what it has written.

    Raises:
        OSError: The folder cannot be written.
    """
    place = folder(root, release=release, gpus=gpus)
    place.mkdir(parents=True, exist_ok=True)
    proven = _proven(place)
    for file, size in _sizes(place).items():
        if proven.get(file) != size:
            (place / ENGINES / file).unlink(missing_ok=True)
    return place


def prove(place: Path) -> None:
    """Note the engines, if any, with which a server has become ready; one that cannot be noted is built anew."""
    if not (place / ENGINES).is_dir():
        return
    with contextlib.suppress(OSError, CommandError):
        write_whole(place / PROVEN, json.dumps(_sizes(place), indent=1).encode())


def _sizes(place: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (place / ENGINES).glob("*")}


def _proven(place: Path) -> dict[str, int]:
    try:
        found: dict[str, int] = json.loads((place / PROVEN).read_bytes())
    except (OSError, ValueError):
        return {}
    return found


def gpu_names(command: Sequence[str] = ("nvidia-smi", "-L")) -> list[str]:
    """The names of the GPUs that are visible, and of their MIG devices; none without NVIDIA's driver.

    Args:
        command: Lists the GPUs as `nvidia-smi -L` does.
    """
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [found["gpu"] or f"MIG {found['mig']}" for found in LISTED.finditer(listed)]
