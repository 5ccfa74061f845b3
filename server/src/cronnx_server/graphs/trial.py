"""Runs a graph on images to prove that a changed one answers like it, several images at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import ModelProto, ValueInfoProto, helper

from cronnx_server.errors import ModelFileError

TOLERANCE = 0.02
"""In largest values. A dynamic quantisation takes its range from the whole batch and differs by less; a graph that
mixes the images of a batch differs by far more."""
OUTLIERS = 0.02
"""The part of values that may differ by more: rows of equal scores may come in another order."""
# ONNX Runtime puts the C++ function that failed before the message.
ORIGIN = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (/\S+:\d+ .*\) (?=[A-Z]))?")
NEWER_OPSET = re.compile(r"Opset (\d+) is under development.* domain (\S+) is till opset (\d+)")

Array = npt.NDArray[np.generic]


class Trial:
    """Images and what a graph answers for each of them.

    Attributes:
        images: The images, [n, ...].
        answers: The outputs of the graph for each image, as they come for the exported batch that starts with it.
    """

    def __init__(self, model: ModelProto, *, images: Array, exported: int) -> None:
        """Run a graph.

        Args:
            model: A graph of one input.
            images: The images, [n, ...].
            exported: The batch that the graph takes; each image is put first in one batch.

        Raises:
            ModelFileError: ONNX Runtime cannot load or run the graph.
        """
        self.images, self._exported = images, exported
        run = session(model).run
        try:
            name = model.graph.input[0].name
            batches = [np.roll(images, -index, axis=0) for index in range(len(images))]
            self.answers: list[list[Array]] = [run(None, {name: _of_length(each, exported)}) for each in batches]
        except Exception as error:  # ONNX Runtime's errors have no other base
            raise ModelFileError(
                f"ONNX Runtime {onnxruntime.__version__} cannot run the graph on images of shape "
                f"{list(images.shape[1:])}: {error_text(error)}; correct --size, or export the model again"
            ) from error

    def difference(self, model: ModelProto) -> str:
        """How a graph's answers to all images at once, and to one, differ; empty if they do not."""
        name, outputs = model.graph.input[0].name, [tensor.name for tensor in model.graph.output]
        try:
            run = session(model).run
            for count in (len(self.images), 1):
                answers: list[Array] = run(None, {name: self.images[:count]})
                for output, together, *alone in zip(outputs, answers, *self.answers[:count], strict=True):
                    if reason := self._difference(together, alone):
                        return f"its output '{output}' {reason}"
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have no other base
            return f"it fails for several images at once ({error_text(error)})"
        return ""

    def _difference(self, together: Array, alone: Sequence[Array]) -> str:
        if all(each.ndim == together.ndim > 0 and len(each) == self._exported for each in alone):
            expected = [each[0] for each in alone]
        elif self._exported == 1 and all(each.ndim == together.ndim - 1 for each in alone):
            expected = list(alone)  # the exporter squeezed the batch of 1
        else:
            return "has no batch dimension"
        if len(together) != len(expected):
            return "has no row for each image"
        if any(each.shape != row.shape for each, row in zip(expected, together, strict=True)):
            return "has other shapes for several images at once"
        if not all(_agree(row, each) for row, each in zip(together, expected, strict=True)):
            return "differs between several images at once and each alone"
        return ""


def run_tensors(model: ModelProto, feeds: Mapping[str, Array], names: Sequence[str]) -> list[Array]:
    """The values of these tensors of a graph, inner ones too; inputs are cast to the graph's data types."""
    copy = ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.extend(ValueInfoProto(name=name) for name in names)
    types = {each.name: helper.tensor_dtype_to_np_dtype(each.type.tensor_type.elem_type) for each in copy.graph.input}
    values: list[Array] = session(copy).run(None, {name: value.astype(types[name]) for name, value in feeds.items()})
    return values


def session(model: ModelProto | bytes) -> onnxruntime.InferenceSession:
    """Load a graph on the CPU; ONNX Runtime prints no warnings.

    Raises:
        ModelFileError: ONNX Runtime cannot load it.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    content = model if isinstance(model, bytes) else model.SerializeToString()
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no other base
        raise ModelFileError(_load_failure(error)) from error


def _load_failure(error: Exception) -> str:
    if newer := NEWER_OPSET.search(str(error)):
        opset, domain, newest = newer.groups()
        return (
            f"expected opset {newest} of {domain} or older, which ONNX Runtime {onnxruntime.__version__} supports, "
            f"got opset {opset}; export the model with an older opset"
        )
    return f"ONNX Runtime {onnxruntime.__version__} cannot load the graph: {error_text(error)}"


def error_text(error: Exception) -> str:
    """The message of an ONNX Runtime error in one line, without its code and its place in the C++ sources."""
    return ORIGIN.sub("", " ".join(str(error).split()))


def _of_length(images: Array, length: int) -> Array:
    return np.resize(images, (length, *images.shape[1:]))


def _agree(row: Array, expected: Array) -> bool:
    if not expected.size or expected.dtype == object:
        return bool(np.array_equal(row, expected))
    if not np.issubdtype(expected.dtype, np.floating):
        return bool(np.mean(row != expected) <= OUTLIERS)
    largest = np.abs(np.nan_to_num(expected.astype(np.float64))).max()
    close = np.isclose(row, expected, rtol=0, atol=TOLERANCE * largest, equal_nan=True)
    return bool(np.mean(~close) <= OUTLIERS)
