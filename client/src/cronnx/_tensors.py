"""The tensors of a caller, as the protocol can carry them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from tritonclient.utils import np_to_triton_dtype

from cronnx._errors import InvalidInput


def checked_tensors(tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Give the tensors with text and bytes as objects.

    Raises:
        InvalidInput: One is no array, or of a dtype the protocol does not have.
    """
    return {name: _checked(name, tensor) for name, tensor in tensors.items()}


def _checked(name: str, tensor: object) -> npt.NDArray[Any]:
    if not isinstance(tensor, np.ndarray):
        raise InvalidInput(f"input {name!r} is of type {type(tensor).__name__}, expected a numpy array")
    if tensor.dtype.kind in "SU":
        tensor = tensor.astype(object)
    if np_to_triton_dtype(tensor.dtype) is None:
        raise InvalidInput(f"input {name!r} has dtype {tensor.dtype}, expected numbers, bool, or bytes as objects")
    if tensor.dtype == object and not all(isinstance(element, bytes | str) for element in tensor.flat):
        raise InvalidInput(f"input {name!r} holds objects, expected bytes or str")
    return tensor
