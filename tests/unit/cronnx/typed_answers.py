"""Outputs of models of every task, with known answers, for images of any size."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.unit.cronnx.answers import classify

Tensors = dict[str, npt.NDArray[Any]]

WIDTH, HEIGHT = 40, 20
ROWS = 3
BOX = (4.0, 2.0, 24.0, 12.0)
SERVED_BY = b"net_onnx/1@abcd1234"


def photo(width: int = WIDTH, height: int = HEIGHT, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (90, 120, 150)).save(file, "PNG", **options)
    return file.getvalue()


def _objects(count: int) -> Tensors:
    """Two objects, and a row past the count."""
    return {
        "num_detections": np.full((count, 1), 2, np.int32),
        "box": np.array([[BOX, (0, 0, 10, 10), (0, 0, 0, 0)]] * count, np.float32),
        "score": np.array([[0.75, 0.5, 0]] * count, np.float32),
        "class_id": np.array([[16, 0, -1]] * count, np.int64),
        "label": np.array([[b"dog", b"person", b""]] * count, object),
    }


def _geometry(count: int) -> npt.NDArray[np.float32]:
    """A letterbox on a grid of 8 x 8: the photo is 8 x 4, in the middle."""
    return np.array([[WIDTH, HEIGHT, 0.2, 0.2, 0, 2]] * count, np.float32)


def _masks(count: int) -> Tensors:
    """Masks of the photo's pixels: the first object is the left half of its box, the second is all of its box."""
    halves = np.full((10, 20), -9, np.int16)
    halves[:, :10] = 9
    cells = np.concatenate([halves.ravel(), np.full(4, 9, np.int16), np.zeros(5, np.int16)])
    return {
        "mask": np.tile(cells, (count, 1)),
        "mask_size": np.array([[(10, 20), (2, 2), (0, 0)]] * count, np.int32),
        "mask_box": np.array([[BOX, (-1, -1, 11, 11), (0, 0, 0, 0)]] * count, np.float32),
        "mask_scale": np.ones((count, 1), np.int32),
    }


def _class_map(count: int) -> npt.NDArray[np.uint8]:
    """The photo's left half is class 0 and its right half class 2; the padding is class 1."""
    grid = np.ones((count, 8, 8), np.uint8)
    grid[:, 2:6, :4] = 0
    grid[:, 2:6, 4:] = 2
    return grid


_OUTPUTS: dict[str, Callable[[int], Tensors]] = {
    "detection": _objects,
    "pose": lambda count: {
        **_objects(count),
        "keypoints": np.tile(np.array([5, 6, 1], np.float32), (count, ROWS, 17, 1)),
    },
    "oriented_boxes": lambda count: {
        **_objects(count),
        "corners": np.tile(np.array([[4, 2], [24, 2], [24, 12], [4, 12]], np.float32), (count, ROWS, 1, 1)),
    },
    "instance_segmentation": lambda count: {**_objects(count), **_masks(count)},
    "semantic_segmentation": lambda count: {
        "class_map": _class_map(count),
        "label": np.array([[b"background", b"road", b"sky"]] * count, object),
        "geometry": _geometry(count),
    },
    "embedding": lambda count: {"embedding": np.array([[0.6, 0.8]] * count, np.float32)},
    "depth": lambda count: {
        "depth": np.tile(np.arange(64, dtype=np.float32).reshape(8, 8), (count, 1, 1)),
        "geometry": _geometry(count),
    },
}


def answers_of(task: str) -> Callable[[Sequence[bytes]], Tensors]:
    """The outputs of a model of this task for a batch of images."""
    if task in ("classification", "multi_label"):
        return classify
    return lambda images: {
        **_OUTPUTS[task](len(images)),
        "served_by": np.full((len(images), 1), SERVED_BY, object),
    }
