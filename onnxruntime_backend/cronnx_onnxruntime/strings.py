"""Converts BYTES tensors of Triton to string tensors of ONNX Runtime."""

from __future__ import annotations

import numpy as np

from cronnx_onnxruntime.batches import Array
from cronnx_onnxruntime.errors import InferenceError


def decoded(array: Array, *, tensor: str) -> Array:
    """Convert an object array of `bytes` to one of `str`. ONNX Runtime would use the `repr` of bytes.

    Raises:
        InferenceError: An element is not UTF-8.
    """
    text = np.empty(array.size, dtype=object)
    for index, element in enumerate(array.ravel()):
        try:
            text[index] = element.decode()
        except UnicodeDecodeError as error:
            raise InferenceError(
                f"input '{tensor}': element {index} is not UTF-8 ({error.reason} at byte {error.start})",
                caller_at_fault=True,
            ) from error
    return text.reshape(array.shape)
