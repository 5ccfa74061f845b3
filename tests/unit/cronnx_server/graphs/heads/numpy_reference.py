"""What a detector's answer is, computed with loops over boxes: the reference for the head in ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def overlap(box: Array, others: Array) -> Array:
    """The intersection over union of a box [4] with others [n, 4]."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.prod(np.maximum(sides, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    return np.asarray(shared / (np.prod(box[2:] - box[:2]) + areas - shared))


def kept(box: Array, score: Array, class_id: Array, *, confidence: float, iou: float | None, rows: int) -> list[int]:
    """The indices of the boxes that stay, best first; without `iou`, overlapping ones stay too."""
    chosen: list[int] = []
    for index in np.argsort(-score, kind="stable"):
        if score[index] <= confidence or len(chosen) == rows:
            break
        rivals = [each for each in chosen if class_id[each] == class_id[index]] if iou is not None else []
        if not rivals or overlap(box[index], box[rivals]).max() <= (iou or 0):
            chosen.append(int(index))
    return chosen


def to_photo(points: Array, geometry: tuple[float, ...], *, clipped: bool = True) -> Array:
    """Points x, y [..., 2] of the network's image, in the photograph."""
    width, height, scale_x, scale_y, pad_x, pad_y = geometry
    moved = (points - np.array([pad_x, pad_y])) / np.array([scale_x, scale_y])
    return np.clip(moved, 0, (width, height)) if clipped else np.asarray(moved)
