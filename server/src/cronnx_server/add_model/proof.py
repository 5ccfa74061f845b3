"""Prove that a written model answers photographs, alone and in a batch, with finite values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tritonclient.utils import triton_to_np_dtype

from cronnx_onnxruntime.signature import Signature, Tensor
from cronnx_server import answers
from cronnx_server.add_model.served_model import ServedModel
from cronnx_server.answers import PICTURE
from cronnx_server.build_models.in_process import InProcessModel
from cronnx_server.errors import ModelFileError
from cronnx_server.graphs.trial import error_text, session
from cronnx_server.model_spec import Task
from cronnx_server.paths import PICTURES

TOLERANCE = 0.02
"""Of the largest value of an output: a dynamic quantisation takes its range from the whole batch."""


@dataclass(frozen=True)
class Proof:
    """A model's answer to the photograph that `scripts/serve` shows too.

    Attributes:
        task: The task.
        inputs: The inputs of the network's model by name, [1, ...].
        outputs: Its outputs by name, [1, ...].
    """

    task: Task
    inputs: Mapping[str, npt.NDArray[Any]]
    outputs: Mapping[str, npt.NDArray[Any]]

    def __str__(self) -> str:
        return answers.described(self.outputs, self.task, origin="in this process")


def prove(content: bytes, served: ServedModel) -> Proof:
    """Ask a model about every picture of the project, alone and twice at once.

    Args:
        content: The model file of the whole model.
        served: The model.

    Returns:
        The answer to one picture.

    Raises:
        ModelFileError: The model fails, a value is not finite, or a batch is answered differently.
    """
    model = InProcessModel(content)
    try:
        proofs = {picture: _proof(model, served, picture.read_bytes()) for picture in sorted(PICTURES.glob("*.jpg"))}
    except ModelFileError:
        raise
    except Exception as error:  # ONNX Runtime's errors have no other base
        raise ModelFileError(f"{served.source.name} fails on a photograph: {error_text(error)}") from error
    return proofs[PICTURE]


def _proof(model: InProcessModel, served: ServedModel, picture: bytes) -> Proof:
    """The answer to a picture, checked."""
    inputs = model.preprocess([picture])
    alone = model.run(inputs)
    _check_finite(alone, served.source.name)
    if served.network.batchable:
        _check_batch(alone, model.answer([picture] * 2), served.source.name)
    return Proof(served.spec.task, inputs, alone)


def _check_finite(outputs: Mapping[str, npt.NDArray[Any]], name: str) -> None:
    for output, value in outputs.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ModelFileError(
                f"expected finite values from {name}, got infinity or NaN in '{output}'; check --scale, --mean, --std"
            )


def _check_batch(alone: Mapping[str, npt.NDArray[Any]], together: Mapping[str, npt.NDArray[Any]], name: str) -> None:
    for output, value in alone.items():
        for row in together[output]:
            if value.dtype.kind == "f" and not _agree(row, value[0]):
                raise ModelFileError(
                    f"expected the same '{output}' for an image in a batch as alone, got others from {name}; export "
                    "the model with a variable batch"
                )


def _agree(row: npt.NDArray[Any], alone: npt.NDArray[Any]) -> bool:
    largest = np.abs(alone).max(initial=0)
    return row.shape == alone.shape and np.allclose(row, alone, rtol=0, atol=TOLERANCE * largest + 1e-6)


def prove_it_runs(content: bytes, signature: Signature, name: str) -> None:
    """Run a graph on zeros; a graph of variable shapes is not run.

    Raises:
        ModelFileError: The graph fails.
    """
    inputs = [tensor for tensor in signature.inputs if not tensor.optional]
    if any(-1 in tensor.shape[1:] for tensor in inputs):
        return
    try:
        session(content).run(None, {tensor.name: _zeros(tensor) for tensor in inputs})
    except Exception as error:  # ONNX Runtime's errors have no other base
        raise ModelFileError(f"{name} fails on zeros: {error_text(error)}") from error


def _zeros(tensor: Tensor) -> npt.NDArray[Any]:
    shape = [max(dim, 1) for dim in tensor.shape]
    if tensor.data_type == "TYPE_STRING":
        return np.full(shape, "", dtype=object)
    return np.zeros(shape, triton_to_np_dtype(tensor.data_type.removeprefix("TYPE_")))
