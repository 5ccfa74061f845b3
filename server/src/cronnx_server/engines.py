"""The folder that a server with TensorRT starts in: one for each release of Triton and each kind of GPU.

The profiles keep TensorRT's engines in `engines`, relative to it. ONNX Runtime names an engine after the graph, its own
version, CUDA, TensorRT and the compute capability, but not after the GPU: one of another GPU may not load, and then the
model does not. In a folder of its own it is built anew. The standard library suffices: `launch` imports this module.

Source: `TRTGenerateId` and `CreateNodeComputeInfoFromGraph` in ONNX Runtime's core/providers/tensorrt.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

RELEASE = "NVIDIA_TRITON_SERVER_VERSION"
"""The variable of NVIDIA's image that has the release of Triton, such as 26.07."""
LISTED = re.compile(r"^GPU \d+: (?P<gpu>.+) \(UUID: |^ +MIG (?P<mig>\S+) ", re.MULTILINE)
TIMEOUT_S = 20.0


def folder(root: Path, *, release: str, gpus: Iterable[str]) -> Path:
    """The folder for a release of Triton and these GPUs.

    Args:
        root: The folder that keeps the engines of every release and GPU.
        release: The release of Triton, such as `26.07`.
        gpus: The names of the GPUs; several of one name count once.
    """
    words = re.findall(r"[\w.]+", " ".join(sorted(set(gpus))))
    return root / "_".join((release, *words))


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
