"""BYTES tensors as Triton carries them, and string tensors as ONNX Runtime takes them."""

from __future__ import annotations

import numpy as np

from cronnx_onnxruntime.batches import Array
from cronnx_onnxruntime.errors import InferenceError


def decoded(array: Array, *, tensor: str) -> Array:
    """An object array of `bytes` as one of `str`, the shape kept: ONNX Runtime would take the `repr` of bytes.

    Raises:
        InferenceError: an element is not UTF-8, which ONNX strings are.
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
