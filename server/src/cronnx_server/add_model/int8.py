"""An INT8 version of a model: calibrated with the user's photographs, and measured on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import onnx

from cronnx_preprocess import InvalidImageError
from cronnx_server import progress
from cronnx_server.build_models.answer_change import Measure, measure_change, unacceptable
from cronnx_server.build_models.in_process import InProcessModel, Tensors
from cronnx_server.build_models.quantisation import quantise
from cronnx_server.errors import ModelFileError
from cronnx_server.graphs.trial import error_text
from cronnx_server.model_spec import Task

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
MOST_CALIBRATION = 100
"""More photographs hardly change the ranges, and all are in memory at once."""
MOST_MEASURED = 500
FEW = 20
"""Below this number of photographs, the measured change says little."""


@dataclass(frozen=True)
class Int8Model:
    """A model in INT8.

    Attributes:
        content: The model file.
        change: How its answers differ from those of FP32 for the photographs.
        photographs: The number of photographs that it was measured on.
    """

    content: bytes
    change: tuple[Measure, ...]
    photographs: int

    def as_json(self) -> dict[str, float]:
        """The mean of each measure by its name."""
        return {measure.name: measure.value for measure in self.change}

    def __str__(self) -> str:
        lines = "\n".join(f"  {measure}" for measure in self.change)
        return f"INT8 against FP32 on {self.photographs} photographs\n{lines}"


def int8_model(content: bytes, *, task: Task, folder: Path, force: bool, symmetric: bool = False) -> Int8Model:
    """Quantise the network of a model.

    Args:
        content: The model in FP32, with its specification.
        task: Its task.
        folder: Photographs like those that will be sent; subfolders are searched too.
        force: Whether to accept any change of the answers.
        symmetric: Whether to quantise it for TensorRT; otherwise for a CPU.

    Raises:
        ModelFileError: There are no photographs, one cannot be read, the network cannot be quantised, or its answers
            change too much.
    """
    photographs = _photographs(folder)
    target = " for TensorRT" if symmetric else ""
    progress.step(f"Quantising{target} with {min(len(photographs), MOST_CALIBRATION)} photographs of {folder}")
    before = InProcessModel(content)
    try:
        calibration = _inputs(before, islice(photographs, MOST_CALIBRATION))
        model = onnx.load_from_string(content)
        quantised = quantise(model, calibration=calibration, symmetric=symmetric).SerializeToString()
        measured = [path.read_bytes() for path in photographs[:MOST_MEASURED]]
        change = tuple(measure_change(before, InProcessModel(quantised), measured, task=task))
    except ModelFileError:
        raise
    except Exception as error:  # ONNX Runtime's errors have no other base
        raise ModelFileError(f"the network cannot be quantised: {error_text(error)}; omit --quantise") from error
    found = Int8Model(quantised, change, len(measured))
    if not force and (worst := unacceptable(change)):
        raise ModelFileError(
            f"INT8{target} changes the answers too much: {worst}; calibrate with more photographs like those that will "
            "be sent, omit --quantise, or accept it with --force"
        )
    return found


def _photographs(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise ModelFileError(f"{folder}: expected a folder of photographs with --quantise, got none")
    return found


def _inputs(model: InProcessModel, photographs: Iterable[Path]) -> Iterator[Tensors]:
    for path in photographs:
        try:
            yield model.preprocess([path.read_bytes()])
        except (InvalidImageError, OSError) as error:
            raise ModelFileError(f"cannot read the photograph {path}: {error}; remove it") from error
