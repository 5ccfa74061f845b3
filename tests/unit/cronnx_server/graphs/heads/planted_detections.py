"""Detections that are planted into the outputs of a network, in each exporter's layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Planted:
    """The detections of one image, in the network's pixels."""

    box: Array  # left, top, right, bottom [n, 4]
    score: Array  # [n]
    class_id: Array  # [n]


def plant(rng: np.random.Generator, count: int, classes: int, *, height: int, width: int) -> Planted:
    """Boxes of different scores; some reach out of the image, few overlap much."""
    centre = rng.uniform((20, 20), (width - 20, height - 20), (count, 2))
    half = rng.uniform(8, 60, (count, 2))
    return Planted(
        np.concatenate([centre - half, centre + half], axis=1).astype(np.float32),
        (rng.permutation(count) * 0.8 / max(count, 1) + 0.1).astype(np.float32),
        rng.integers(0, classes, count),
    )


def encode(name: str, images: Sequence[Planted], *, classes: int, height: int, width: int) -> list[Array]:
    """The outputs of a network of this output format, with these detections in it."""
    size = np.array([width, height] * 2, np.float32)
    pixels = [image.box for image in images]
    fractions = [box / size for box in pixels]
    scored = [np.stack([image.score, image.class_id], 1) for image in images]
    one_hot = [image.score[:, None] * (np.arange(classes) == image.class_id[:, None]) for image in images]
    background = np.concatenate([np.full((*np.shape(one_hot)[:2], 1), 0.9), np.stack(one_hot)], 2)
    number = [np.full((len(box), 1), index) for index, box in enumerate(pixels)]
    count = np.array([len(box) for box in pixels])
    stacked_score, stacked_class = (np.stack([each[:, column] for each in scored]) for column in (0, 1))
    encoded: dict[str, Any] = {
        "ultralytics": lambda: [_table(map(_cxcywh, pixels), one_hot).transpose(0, 2, 1)],
        "ultralytics_rows": lambda: [_table(map(_cxcywh, pixels), one_hot)],
        "ultralytics_end2end": lambda: [_table(pixels, scored)],
        "ultralytics_rtdetr": lambda: [_table(map(_cxcywh, fractions), one_hot)],
        "ultralytics_rtdetr_topk": lambda: [_table(map(_cxcywh, fractions), scored)],
        "yolov5": lambda: [_table(map(_cxcywh, pixels), map(_objectness, one_hot))],
        "yolox": lambda: [_yolox(pixels, one_hot, height=height, width=width)],
        "boxes_scores": lambda: [np.stack(pixels)[:, :, None], np.stack(one_hot)],
        "boxes_scores_fraction": lambda: [np.stack(fractions), background],
        "columns_xyxy_score_class": lambda: [_table(pixels, scored)],
        "counted": lambda: [count[:, None], np.stack(pixels), stacked_score, stacked_class],
        "counted_tf": lambda: [count, np.stack(fractions)[:, :, [1, 0, 3, 2]], stacked_score, stacked_class + 1],
        "rows_batch_xyxy_class_score": lambda: [_rows(number, pixels, [each[:, ::-1] for each in scored])],
        "rows_batch_xyxy_score_class": lambda: [_rows(number, pixels, scored)],
        "rows_class_score_xyxy": lambda: [_rows([each[:, ::-1] for each in scored], pixels), count.astype(np.int32)],
        "ssd_rows": lambda: [_rows(number, [each[:, ::-1] for each in scored], fractions)[None, None]],
        "detr": lambda: [_logits(one_hot), _table(map(_cxcywh, fractions))],
        "detr_sigmoid": lambda: [_logit(np.stack(one_hot)), _table(map(_cxcywh, fractions))],
        "boxes_labels_scores": lambda: [np.stack(pixels), stacked_class + 1, stacked_score],
        "boxes_labels_scores_fraction": lambda: [np.stack(fractions), stacked_class, stacked_score],
        "dets_labels": lambda: [_table(pixels, [each[:, :1] for each in scored]), stacked_class],
    }
    return [np.ascontiguousarray(tensor, _dtype(tensor)) for tensor in encoded[name.removesuffix("_nms")]()]


FIRST_CLASS = {"boxes_scores_fraction": 1, "counted_tf": 1, "boxes_labels_scores": 1}
OUTPUTS = {
    "boxes_scores": 2,
    "boxes_scores_fraction": 2,
    "counted": 4,
    "counted_tf": 4,
    "rows_class_score_xyxy": 2,
    "detr": 2,
    "detr_sigmoid": 2,
    "boxes_labels_scores": 3,
    "boxes_labels_scores_fraction": 3,
    "dets_labels": 2,
}


def _dtype(tensor: Array) -> type:
    return np.int64 if np.issubdtype(tensor.dtype, np.integer) else np.float32


def _table(*parts: Any) -> Array:
    return np.stack([np.concatenate(each, 1) for each in zip(*parts, strict=True)])


def _rows(*parts: Any) -> Array:
    return np.concatenate([np.concatenate(each, 1) for each in zip(*parts, strict=True)])


def _cxcywh(box: Array) -> Array:
    return np.concatenate([(box[:, :2] + box[:, 2:]) / 2, box[:, 2:] - box[:, :2]], 1)


def _objectness(one_hot: Array) -> Array:
    return np.concatenate([np.full((len(one_hot), 1), 0.96), one_hot / 0.96], 1)


def _logit(score: Array) -> Array:
    score = np.clip(score, 1e-4, 1 - 1e-4)
    return np.log(score / (1 - score))


def _logits(one_hot: Sequence[Array]) -> Array:
    scores = np.maximum(np.stack(one_hot), 1e-6)
    none = np.maximum(1 - scores.sum(2, keepdims=True), 1e-6)
    return np.log(np.concatenate([scores, none], 2)) + 3


def _yolox(boxes: Sequence[Array], one_hot: Sequence[Array], *, height: int, width: int) -> Array:
    """Each box stands at the first free anchors of another grid, one after another."""
    cells = [(x, y, stride) for stride in (8, 16, 32) for y in range(height // stride) for x in range(width // stride)]
    table = np.zeros((len(boxes), len(cells), 5 + one_hot[0].shape[1]), np.float32)
    for image, (box, scores) in enumerate(zip(boxes, one_hot, strict=True)):
        anchors = np.linspace(0, len(cells) - 1, len(box)).astype(int)
        for anchor, each, score in zip(anchors, _cxcywh(box), _objectness(scores), strict=True):
            x, y, stride = cells[anchor]
            place = [each[0] / stride - x, each[1] / stride - y, *np.log(each[2:] / stride)]
            table[image, anchor] = [*place, *score]
    return table
