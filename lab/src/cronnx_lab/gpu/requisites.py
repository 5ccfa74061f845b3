"""What a machine needs to measure a GPU, and what this one lacks."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import onnxruntime

from cronnx_onnxruntime.providers import CUDA
from cronnx_onnxruntime.runner import DEFAULT_MODEL_FILENAME
from cronnx_preprocess.gpu import PACKAGES
from cronnx_server import repository
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve.tritonserver import NVIDIA, NVIDIA_ONNXRUNTIME, gpu_count

UV = ".triton/uv/bin/uv pip"


class Requisite(NamedTuple):
    """Something that a measurement needs.

    Attributes:
        name: What it is.
        lack: What is missing and what to do; empty if it is there.
    """

    name: str
    lack: str = ""

    def __str__(self) -> str:
        """One line for people."""
        return f"{'missing' if self.lack else 'ready  '}  {self.name}{f': {self.lack}' if self.lack else ''}"


def requisites(ensembles: Sequence[str], *, profile: str) -> list[Requisite]:
    """What measuring these ensembles needs, with what this machine lacks.

    Args:
        ensembles: Their names in the project.
        profile: The profile of the networks on the GPU; empty for the default.
    """
    return [
        Requisite("an NVIDIA GPU", "" if gpu_count() else "there is no /dev/nvidia0; run this on a machine with one"),
        _onnxruntime(),
        Requisite("nvImageCodec and CV-CUDA", "" if _has_decoders() else f"{UV} install --python .venv -r {PACKAGES}"),
        *(_model(name, profile) for name in ensembles),
    ]


def library_folders() -> list[str]:
    """The folders of the CUDA libraries that come as Python packages; the server's processes do not find them alone."""
    spec = find_spec("nvidia")
    places = spec.submodule_search_locations if spec else None
    return [str(folder) for place in places or () for folder in sorted(Path(place).glob("*/lib"))]


def gpu_facts() -> str:
    """The GPUs and their driver, as `nvidia-smi` names them; empty without one."""
    command = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def _onnxruntime() -> Requisite:
    name = "ONNX Runtime with CUDA"
    if (NVIDIA / NVIDIA_ONNXRUNTIME).exists() or CUDA in onnxruntime.get_available_providers():
        return Requisite(name)
    package = f"'onnxruntime-gpu[cuda,cudnn]=={onnxruntime.__version__}'"
    return Requisite(name, f"{UV} uninstall --python .venv onnxruntime && {UV} install --python .venv {package}")


def _has_decoders() -> bool:
    """Whether both packages are installed; without a driver they cannot be imported."""
    return find_spec("cvcuda") is not None and find_spec("nvidia") is not None and _has("nvidia.nvimgcodec")


def _has(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def _model(ensemble: str, profile: str) -> Requisite:
    """A model, with the file that the CPU serves and the one that the profile does."""
    *_, network = repository.steps(repository.read_config(ENSEMBLES / ensemble))
    folder = MODEL_REPOSITORY / network
    served = repository.read_config(folder, profile=profile).default_model_filename or DEFAULT_MODEL_FILENAME
    lacks = [file for file in dict.fromkeys((DEFAULT_MODEL_FILENAME, served)) if not list(folder.glob(f"*/{file}"))]
    option = " --gpu" if lacks and lacks[-1] != DEFAULT_MODEL_FILENAME else ""
    return Requisite(f"the model {ensemble}", f"scripts/build_models {ensemble}{option}" if lacks else "")
