"""Keypoints, oriented boxes, and what the head of masks gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cronnx_server.model_spec import ModelSpec, Task
from tests.unit.cronnx_server.graphs.heads import numpy_reference
from tests.unit.cronnx_server.graphs.heads.head_session import GEOMETRY, detector, run_head

Array = npt.NDArray[Any]


@pytest.mark.parametrize("values", [2, 3])
@pytest.mark.parametrize("name", ["ultralytics", "ultralytics_end2end"])
def test_keypoints_are_in_the_photographs_pixels(name: str, values: int) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-20, 660, (2, 3, 5, values))
    extras = points.reshape(2, 3, -1)
    left_top = np.array([[100, 100], [300, 100], [100, 250]])
    boxes = np.broadcast_to(np.concatenate([left_top, left_top + 80], 1), (2, 3, 4))
    scores = np.array([[[0.9], [0.1], [0.8]]] * 2)
    answer = run_head(
        detector(name, 1, classes=1, task=Task.POSE, keypoint_shape=(5, values)),
        [_ultralytics(name, boxes, scores, np.zeros_like(scores), extras)],
        batch=2,
    )
    assert answer["keypoints"].shape == (2, 20, 5, 3)
    place = numpy_reference.to_photo(points[..., :2], GEOMETRY)[:, [0, 2]]
    np.testing.assert_allclose(answer["keypoints"][:, :2, :, :2], place, atol=1e-3)
    visibility = points[..., 2][:, [0, 2]] if values == 3 else np.ones((2, 2, 5))
    np.testing.assert_allclose(answer["keypoints"][:, :2, :, 2], visibility, rtol=1e-6)
    assert not answer["keypoints"][:, 2:].any()


def _ultralytics(name: str, boxes: Array, scores: Array, classes: Array, extras: Array) -> Array:
    if name == "ultralytics_end2end":
        return np.concatenate([boxes, scores, classes, extras], 2).astype(np.float32)
    centre, size = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    return np.concatenate([centre, size, scores, extras], 2).transpose(0, 2, 1).astype(np.float32)


@pytest.mark.parametrize("count", [1, 40, 400])
@pytest.mark.parametrize("iou", [0.2, 0.7])
def test_oriented_boxes_are_suppressed_as_ultralytics_does(count: int, iou: float) -> None:
    rng = np.random.default_rng(count)
    box = np.stack(
        [*rng.uniform(200, 260, (2, count)), *rng.uniform(20, 80, (2, count)), rng.uniform(-0.7, 2.3, count)], 1
    ).astype(np.float32)
    scores = rng.uniform(0, 0.9, (count, 2)).astype(np.float32)
    raw = np.concatenate([box[:, :4], scores, box[:, 4:]], 1).T[None]
    answer = run_head(_oriented("ultralytics", iou=iou, max_detections=300), [raw], batch=1)
    kept = _kept_by_probiou(box, scores.max(1), scores.argmax(1), iou=iou)
    assert answer["num_detections"].tolist() == [[len(kept)]]
    np.testing.assert_array_equal(answer["score"][0, : len(kept)], scores.max(1)[kept])
    corners = numpy_reference.to_photo(_corners(box[kept]), GEOMETRY, clipped=False)
    np.testing.assert_allclose(answer["corners"][0, : len(kept)], corners, atol=2e-3)
    bounds = np.concatenate([corners.min(1), corners.max(1)], 1).reshape(-1, 2, 2)
    clipped = np.clip(bounds, 0, GEOMETRY[:2]).reshape(-1, 4)
    np.testing.assert_allclose(answer["box"][0, : len(kept)], clipped, atol=2e-3)
    assert not answer["corners"][0, len(kept) :].any()


def test_oriented_boxes_without_suppression_have_the_angle_last() -> None:
    box = np.array([[200, 200, 90, 30, 0.4], [205, 200, 90, 30, 0.4]], np.float32)
    rows = np.concatenate([box[:, :4], [[0.9, 1], [0.8, 1]], box[:, 4:]], 1)[None].astype(np.float32)
    answer = run_head(_oriented("ultralytics_end2end"), [rows], batch=1)
    assert answer["num_detections"].tolist() == [[2]]
    corners = numpy_reference.to_photo(_corners(box), GEOMETRY, clipped=False)
    np.testing.assert_allclose(answer["corners"][0, :2], corners, atol=1e-3)


def _oriented(name: str, **facts: Any) -> ModelSpec:
    return detector(name, 1, classes=2, task=Task.ORIENTED_BOXES, **facts)


def _corners(box: Array) -> Array:
    """The corners of boxes [n, 5]; the longer side is the width, whose angle is from 0 to pi."""
    x, y, width, height, angle = box.astype(np.float64).T
    angle = np.where(width > height, angle, angle + np.pi / 2) % np.pi
    width, height = np.maximum(width, height), np.minimum(width, height)
    along = np.stack([np.cos(angle), np.sin(angle)], 1) * width[:, None] / 2
    across = np.stack([-np.sin(angle), np.cos(angle)], 1) * height[:, None] / 2
    centre = np.stack([x, y], 1)
    return np.stack(
        [centre + along + across, centre + along - across, centre - along - across, centre - along + across], 1
    )


def _kept_by_probiou(box: Array, score: Array, class_id: Array, *, iou: float) -> list[int]:
    """The boxes over 0.25 that overlap no better one of their class, best first."""
    order = [int(each) for each in np.argsort(-score, kind="stable") if score[each] > 0.25]
    return [
        each
        for place, each in enumerate(order)
        if all(class_id[each] != class_id[better] or _probiou(box[better], box[each]) < iou for better in order[:place])
    ]


def _probiou(first: Array, second: Array) -> float:
    """The similarity of two rotated boxes, 1 less the Hellinger distance of their Gaussians."""
    covariances = [_gaussian(each) for each in (first, second)]
    mean = (covariances[0] + covariances[1]) / 2
    apart = (first[:2] - second[:2]).astype(np.float64)
    spread = np.linalg.det(mean) / np.sqrt(np.linalg.det(covariances[0]) * np.linalg.det(covariances[1]))
    distance = apart @ np.linalg.inv(mean) @ apart / 8 + np.log(spread) / 2
    return float(1 - np.sqrt(1 - np.exp(-np.clip(distance, 0, 100)) + 1e-7))


def _gaussian(box: Array) -> Array:
    _, _, width, height, angle = box.astype(np.float64)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(turn @ np.diag([width**2 / 12, height**2 / 12]) @ turn.T)
