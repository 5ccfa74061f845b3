"""The answers of these tests' models, and their wire format.

An image's best label is its content; a content of `broken` is refused in the words of the real server.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_BATCH_SIZE = 4
SCORES = (0.5, 0.25, 0.125, 0.0625, 0.03125)


class DecodingError(Exception):
    """A model cannot decode an image."""


def classify(images: Sequence[bytes]) -> dict[str, npt.NDArray[Any]]:
    for position, image in enumerate(images):
        if image == b"broken":
            raise DecodingError(f"in ensemble 'efficientnet_lite0', image[{position}]: truncated JPEG")
    count = len(images)
    return {
        "label": np.array([[image, b"second", b"third", b"fourth", b"fifth"] for image in images], dtype=object),
        "class_id": np.array([[len(image), 2, 3, 4, 5] for image in images], dtype=np.int64),
        "score": np.array([SCORES] * count, dtype=np.float32),
        "served_by": np.array([[b"efficientnet_lite0_onnx/1@abcd1234"]] * count, dtype=object),
    }


def config(task: str = "") -> dict[str, Any]:
    """The configuration of a classifier, or of an ensemble that names its task."""
    outputs = [{"name": name} for name in ("label", "class_id", "score", "served_by")]
    parameters = {"task": {"string_value": task}} if task else {}
    return {"max_batch_size": MAX_BATCH_SIZE, "output": outputs, "parameters": parameters}


def bytes_tensor(elements: Sequence[bytes]) -> bytes:
    """The wire format of BYTES: each element after its length, 4 bytes, little-endian."""
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def elements(tensor: bytes) -> list[bytes]:
    found = []
    while tensor:
        (length,) = struct.unpack_from("<I", tensor)
        found.append(tensor[4 : 4 + length])
        tensor = tensor[4 + length :]
    return found


def raw(array: npt.NDArray[Any]) -> bytes:
    return bytes_tensor(array.ravel().tolist()) if array.dtype == object else array.tobytes()
