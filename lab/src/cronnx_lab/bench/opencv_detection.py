"""Detection with an Ultralytics graph as a competent user writes it: OpenCV before it, numpy behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

CONFIDENCE, IOU, MAX_DETECTIONS = 0.25, 0.7, 300
GREY = (114, 114, 114)
CLASS_OFFSET = 7680
"""Boxes of different classes are moved apart by it, so that one suppression serves all classes."""


class Letterbox(NamedTuple):
    """Where the photograph lies on the network's canvas.

    Attributes:
        gain: The factor of its width and height.
        left: The padding on the left, in pixels.
        top: The padding at the top, in pixels.
    """

    gain: float
    left: int
    top: int


@dataclass(frozen=True)
class Found:
    """The detections of one photograph, best first.

    Attributes:
        box: FP32 [n, 4], x1 y1 x2 y2 in the photograph's pixels.
        score: FP32 [n].
        class_id: INT64 [n].
    """

    box: npt.NDArray[np.float32]
    score: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int64]

    def as_lists(self) -> dict[str, list[Any]]:
        """The detections as JSON has them."""
        return {name: getattr(self, name).tolist() for name in ("box", "score", "class_id")}


def preprocess(file: bytes, *, size: int) -> tuple[npt.NDArray[np.float32], Letterbox]:
    """Decode an image file and letterbox it: FP32 [1, 3, size, size] of 0 to 1, and where it lies."""
    image = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)
    height, width = image.shape[:2]
    gain = min(size / height, size / width)
    new_width, new_height = round(width * gain), round(height * gain)
    image = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    left, top = (size - new_width) // 2, (size - new_height) // 2
    bottom, right = size - new_height - top, size - new_width - left
    image = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=GREY)
    planes = np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1)[np.newaxis], np.float32)
    planes /= 255
    return planes, Letterbox(gain, left, top)


def postprocess(raw: npt.NDArray[np.float32], letterbox: Letterbox) -> Found:
    """The detections of a raw output FP32 [4 + classes, anchors]: cx cy w h in pixels, then the scores."""
    scores = raw[4:].max(axis=0)
    chosen = scores > CONFIDENCE
    boxes, scores, class_ids = raw[:4, chosen].T, scores[chosen], raw[4:, chosen].argmax(axis=0)
    corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)
    kept = suppress(corners + class_ids[:, np.newaxis] * np.float32(CLASS_OFFSET), scores)[:MAX_DETECTIONS]
    shift = np.array([letterbox.left, letterbox.top] * 2, np.float32)
    return Found((corners[kept] - shift) / np.float32(letterbox.gain), scores[kept], class_ids[kept])


def suppress(boxes: npt.NDArray[np.float32], scores: npt.NDArray[np.float32]) -> list[int]:
    """Greedy non-maximum suppression; the indices of the boxes that stay, best first."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order, kept = scores.argsort()[::-1], []
    while order.size:
        best, others = order[0], order[1:]
        kept.append(int(best))
        top_left = np.maximum(boxes[best, :2], boxes[others, :2])
        bottom_right = np.minimum(boxes[best, 2:], boxes[others, 2:])
        overlap = np.clip(bottom_right - top_left, 0, None).prod(axis=1)
        order = others[overlap / (areas[best] + areas[others] - overlap) <= IOU]
    return kept
