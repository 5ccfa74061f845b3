"""The file of a version that the profiles for GPUs serve: `model_gpu.onnx`, beside `model.onnx` for a CPU.

It has the network of the same weights in FP16, or, for a version in INT8, in the symmetric INT8 of TensorRT. The start
with a profile that serves it builds it, and so does `scripts/build_models --gpu`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto

from cronnx_server import progress
from cronnx_server.build_models import build
from cronnx_server.build_models.answer_change import measure_change, unacceptable
from cronnx_server.build_models.catalogue import GPU_FILE, Model, Quantised
from cronnx_server.build_models.half_precision import half_precision
from cronnx_server.build_models.in_process import InProcessModel
from cronnx_server.build_models.quantisation import is_quantised
from cronnx_server.errors import BuildError
from cronnx_server.files import write_whole
from cronnx_server.graphs.image_model import read_spec
from cronnx_server.graphs.trial import error_text
from cronnx_server.model_spec import Task
from cronnx_server.paths import PICTURES, WEIGHTS


def make(folder: Path, version: int, *, models: Mapping[str, Model], weights: Path = WEIGHTS) -> Path:
    """Write the file of a version for GPUs, unless its answers to the project's pictures differ from those in FP32.

    Args:
        folder: The folder of the model, whose version has its `model.onnx`.
        version: The version.
        models: The catalogue's models.
        weights: The folder that keeps fetched weights.

    Returns:
        The path of the file.

    Raises:
        DownloadError: The weights cannot be fetched.
        BuildError: The version cannot be converted, or its answers change too much.
        CommandError: The file cannot be written.
    """
    name = folder.name.removesuffix("_onnx")
    path = folder / str(version) / GPU_FILE
    model = models.get(name)
    with progress.running(f"Building {name} version {version} for GPUs"):
        try:
            if model and isinstance(model.versions.get(version), Quantised):
                content, fp32 = build.symmetric_int8(model, version, weights=weights)
                content = named(content, "int8")
            else:
                fp32 = (path.parent / "model.onnx").read_bytes()
                content = fp16(fp32)
            check(fp32, content)
        except (BuildError, OSError) as error:
            raise BuildError(f"{name} version {version} cannot be served on a GPU: {error}") from error
        write_whole(path, content)
    return path


def fp16(content: bytes) -> bytes:
    """The file for GPUs of a model in FP32 or FP16.

    Raises:
        BuildError: The model cannot be converted.
    """
    try:
        model = onnx.load_from_string(content)
    except DecodeError as error:
        raise BuildError(f"model.onnx is no ONNX file: {error}; build or add it again") from error
    if is_quantised(model):
        raise BuildError(
            "the network is in INT8 for a CPU; add it again with scripts/add_model --quantise FOLDER --gpu, or take "
            "its version out of `versions` in the profile"
        )
    if any(tensor.data_type == TensorProto.FLOAT16 for tensor in model.graph.initializer):
        return content
    try:
        return named(half_precision(model).SerializeToString(), "fp16")
    except Exception as error:  # ONNX Runtime's errors have no other base
        raise BuildError(f"the network cannot be converted to FP16: {error_text(error)}") from error


def named(content: bytes, precision: str) -> bytes:
    """A model whose graph is named after its precision and content: engines are found by the name of the graph."""
    model: ModelProto = onnx.load_from_string(content)
    model.graph.name += f"_{precision}_{hashlib.sha256(content).hexdigest()[:8]}"
    return model.SerializeToString()


def check(fp32: bytes, content: bytes, images: Sequence[bytes] = ()) -> None:
    """Check that a converted model answers like the one in FP32.

    Args:
        fp32: The model in FP32.
        content: The converted model.
        images: Image files; without any, the project's pictures.

    Raises:
        BuildError: A model does not run, or the answers differ too much.
    """
    spec = read_spec(onnx.load_from_string(fp32))
    if spec is None:
        raise BuildError("the model does not say what it answers; if an earlier release built it, build it again")
    pattern = "*.jpg" if spec.task == Task.CLASSIFICATION else "**/*.jpg"  # a page is no class of a photograph
    pictures = images or [path.read_bytes() for path in sorted(PICTURES.glob(pattern))]
    try:
        change = measure_change(InProcessModel(fp32), InProcessModel(content), pictures, task=spec.task)
    except Exception as error:  # ONNX Runtime's errors have no other base
        raise BuildError(f"the converted network does not run: {error_text(error)}") from error
    if problem := unacceptable(change):
        raise BuildError(f"the answers change too much: {problem}")
