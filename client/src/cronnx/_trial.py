"""An inference that shows whether a model answers."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import numpy.typing as npt
from tritonclient.utils import triton_to_np_dtype

from cronnx._models import ModelInfo, TensorInfo, model_info
from cronnx._session import Session
from cronnx._transport import InferRequest


async def try_out(session: Session, model_name: str, model_version: str, *, timeout_s: float | None = None) -> None:
    """Run one version of a model once, with zeros; not one that takes shapes of any size.

    Readiness is not enough: Triton 2.51 calls a model ready whose backend's process has died.

    Raises:
        CronnxError: It does not answer: the subclass says why.
    """
    arguments = {"model_name": model_name, "model_version": model_version}
    metadata, config = await asyncio.gather(
        session.ask("get_model_metadata", arguments), session.ask("get_model_config", arguments)
    )
    inputs = _zeros(model_info(metadata, config))
    if inputs is not None:
        request = InferRequest(model_name, inputs, None, session.timeout_s(timeout_s), model_version)
        await session.infer(request)


def _zeros(model: ModelInfo) -> dict[str, npt.NDArray[Any]] | None:
    shapes = {tensor.name: _shape(tensor, model) for tensor in model.inputs}
    if any(-1 in shape for shape in shapes.values()):
        return None
    return {tensor.name: _zero(tensor.datatype, shapes[tensor.name]) for tensor in model.inputs}


def _shape(tensor: TensorInfo, model: ModelInfo) -> tuple[int, ...]:
    return (1, *tensor.shape[1:]) if model.max_batch_size else tensor.shape


def _zero(datatype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    return np.full(shape, b"", dtype=object) if datatype == "BYTES" else np.zeros(shape, triton_to_np_dtype(datatype))
