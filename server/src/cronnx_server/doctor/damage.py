"""What is wrong with a file of a model: empty, cut, a pointer instead of the file, or a link that leads nowhere."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx.external_data_helper import ExternalDataInfo

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
WEIGHTS = (".onnx", ".data", ".onnx_data", ".plan", ".pt", ".bin")
"""The ends of the names of files that are never empty."""
COPY_AGAIN = "Copy or build it again."


def damage(path: Path) -> tuple[str, str] | None:
    """The problem of a file and what to do; None if it has none.

    Raises:
        OSError: The file cannot be read.
    """
    if not path.exists():
        return "a link that leads nowhere; Triton does not load the model", "Correct the link, or remove it."
    if not path.is_file():
        return None
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            return "a pointer of Git LFS, not the file", "Run git lfs pull."
    if path.suffix in WEIGHTS and not path.stat().st_size:
        return "an empty file", COPY_AGAIN
    return _graph_damage(path) if path.suffix == ".onnx" else None


def _graph_damage(path: Path) -> tuple[str, str] | None:
    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError:
        return "no ONNX model, or only its beginning", COPY_AGAIN
    if not model.graph.node and not model.graph.output:
        return "an ONNX model without a graph: only its beginning, or another file", COPY_AGAIN
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            data = ExternalDataInfo(tensor)
            needed_bytes = (data.offset or 0) + (data.length or 0)
            weights = path.parent / data.location
            found_bytes = weights.stat().st_size if weights.is_file() else 0
            if found_bytes < needed_bytes or not weights.is_file():
                return (
                    f"its weights are in {data.location}: expected at least {needed_bytes} bytes, got {found_bytes}",
                    "Copy that file beside it.",
                )
    return None
