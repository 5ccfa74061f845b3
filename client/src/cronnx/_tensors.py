"""A caller's arrays in the form that Triton's protocols carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from tritonclient.utils import np_to_triton_dtype

from cronnx._errors import InvalidInput


def checked_tensors(tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays with text and bytes as objects.

    Raises:
        InvalidInput: A value is not an array, or its dtype does not exist in the protocol.
    """
    return {name: _checked(name, tensor) for name, tensor in tensors.items()}


def _checked(name: str, tensor: object) -> npt.NDArray[Any]:
    if not isinstance(tensor, np.ndarray):
        raise InvalidInput(f"input {name!r}: expected a numpy array, got {type(tensor).__name__}")
    if tensor.dtype.kind in "SU":
        tensor = tensor.astype(object)
        if any(b"\0" in element for element in tensor.flat if isinstance(element, bytes)):
            raise InvalidInput(
                f"input {name!r}: expected dtype object for bytes that are not text, because numpy's own dtype for"
                " bytes drops zeros at the end; make the array with dtype=object"
            )
    if np_to_triton_dtype(tensor.dtype) is None:
        raise InvalidInput(f"input {name!r}: expected numbers, bool, or bytes as objects, got dtype {tensor.dtype}")
    return _as_bytes(name, tensor) if tensor.dtype == object else tensor


def _as_bytes(name: str, tensor: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array whose every element is of the class bytes: tritonclient sends the text of anything else."""
    if all(type(element) is bytes for element in tensor.flat):
        return tensor
    checked = np.empty(tensor.shape, object)
    for position, element in enumerate(tensor.flat):
        if isinstance(element, bytes):
            checked.flat[position] = bytes(element)  # not of a subclass such as np.bytes_
        elif isinstance(element, str):
            checked.flat[position] = _utf8(name, element)
        else:
            raise InvalidInput(f"input {name!r}: expected bytes or str, got {type(element).__name__}")
    return checked


def _utf8(name: str, element: str) -> bytes:
    try:
        return element.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"input {name!r}: expected text that UTF-8 can express, got {element!r}") from error
