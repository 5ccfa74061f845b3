"""How much the answers of a model change, over photographs, when it is quantised or converted to FP16."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cronnx_server.build_models.in_process import InProcessModel
from cronnx_server.model_spec import Task

Answer = Mapping[str, npt.NDArray[Any]]
"""The outputs for one photograph by name, [1, ...]."""

MATCHING_IOU = 0.5
"""The least overlap of two boxes of one object."""


@dataclass(frozen=True)
class Measure:
    """A measure of two models' answers, its mean over the photographs, and the limit that it should keep.

    Attributes:
        name: What is measured.
        value: The mean.
        limit: The least value of a share or a similarity, or the largest of an error.
        is_error: Whether less is better.
    """

    name: str
    value: float
    limit: float
    is_error: bool = False

    @property
    def is_acceptable(self) -> bool:
        """Whether the value keeps the limit."""
        return self.value <= self.limit if self.is_error else self.value >= self.limit

    def __str__(self) -> str:
        return f"{self.name}: {self.value:.4f} ({'at most' if self.is_error else 'at least'} {self.limit} is expected)"


def measure_change(
    before: InProcessModel, after: InProcessModel, images: Iterable[bytes], *, task: Task
) -> list[Measure]:
    """Compare the answers of two models.

    Args:
        before: The model in FP32.
        after: The same model in INT8 or FP16.
        images: Image files.
        task: The task of both.

    Raises:
        ValueError: There is no image.
        InvalidImageError: A file is not an acceptable image.
    """
    compare, measures = _COMPARISONS[task]
    values = []
    for image in images:
        inputs = before.preprocess([image])
        values.append(compare(before.run(inputs), after.run(inputs)))
    if not values:
        raise ValueError("expected at least one image to measure the change of the answers, got none")
    means = np.asarray(values, np.float64).mean(axis=0)
    return [Measure(name, float(mean), *limit) for mean, (name, *limit) in zip(means, measures, strict=True)]


def unacceptable(change: Iterable[Measure]) -> str:
    """The measures that exceed their limits; empty if there are none."""
    return "; ".join(str(measure) for measure in change if not measure.is_acceptable)


def _classes(before: Answer, after: Answer) -> tuple[float, ...]:
    return (float(before["class_id"][0, 0] == after["class_id"][0, 0]),)


def _independent_classes(before: Answer, after: Answer) -> tuple[float, ...]:
    return (*_classes(before, after), float(np.abs(before["score"] - after["score"]).mean()))


def _detections(before: Answer, after: Answer) -> tuple[float, ...]:
    """The share of detections with a partner, of both models' detections, and the mean change of their scores."""
    (first, second) = (int(answer["num_detections"][0, 0]) for answer in (before, after))
    if not first + second:
        return 1.0, 0.0
    overlap = _iou(before["box"][0, :first], after["box"][0, :second])
    overlap[before["class_id"][0, :first, None] != after["class_id"][0, None, :second]] = 0
    changes = []
    for row in range(first):
        partner = int(overlap[row].argmax()) if second else 0
        if second and overlap[row, partner] >= MATCHING_IOU:
            changes.append(abs(before["score"][0, row] - after["score"][0, partner]))
            overlap[:, partner] = 0
    return 2 * len(changes) / (first + second), float(np.mean(changes or [0.0]))


def _iou(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The overlap of each box [n, 4] with each box [m, 4]: [n, m]."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - shared
    found: npt.NDArray[np.float64] = np.where(union > 0, shared / np.where(union > 0, union, 1), 0)
    return found


def _class_maps(before: Answer, after: Answer) -> tuple[float, ...]:
    return (float((before["class_map"] == after["class_map"]).mean()),)


def _embeddings(before: Answer, after: Answer) -> tuple[float, ...]:
    return (float((before["embedding"] * after["embedding"]).sum()),)


def _depths(before: Answer, after: Answer) -> tuple[float, ...]:
    scale = max(float(np.abs(before["depth"]).mean()), float(np.finfo(np.float32).tiny))
    return (float(np.abs(before["depth"] - after["depth"]).mean()) / scale,)


_Comparison = tuple[Callable[[Answer, Answer], tuple[float, ...]], tuple[tuple[Any, ...], ...]]
_SCORE_CHANGE = ("mean change of the scores", 0.05, True)
_DETECTIONS: _Comparison = (_detections, (("share of matched detections", 0.9), _SCORE_CHANGE))
_COMPARISONS: Mapping[Task, _Comparison] = {
    Task.CLASSIFICATION: (_classes, (("share of equal first classes", 0.9),)),
    Task.MULTI_LABEL: (_independent_classes, (("share of equal first classes", 0.9), _SCORE_CHANGE)),
    Task.DETECTION: _DETECTIONS,
    Task.POSE: _DETECTIONS,
    Task.ORIENTED_BOXES: _DETECTIONS,
    Task.INSTANCE_SEGMENTATION: _DETECTIONS,
    Task.SEMANTIC_SEGMENTATION: (_class_maps, (("share of equal pixels", 0.95),)),
    Task.EMBEDDING: (_embeddings, (("mean cosine similarity", 0.98),)),
    Task.DEPTH: (_depths, (("mean relative error", 0.05, True),)),
}
