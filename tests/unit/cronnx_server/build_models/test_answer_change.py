from __future__ import annotations

import numpy as np
import pytest

from cronnx_server.build_models.answer_change import Measure, measure_change
from cronnx_server.model_spec import Task
from tests.unit.cronnx_server.build_models.fixed_answer import FixedAnswer


def detections(*rows: tuple[float, ...]) -> FixedAnswer:
    """Detections of x1, y1, x2, y2, score and class."""
    table = np.array([*rows, (0, 0, 0, 0, 0, -1)], np.float32)[None]
    return FixedAnswer(
        num_detections=np.array([[len(rows)]]), box=table[..., :4], score=table[..., 4], class_id=table[..., 5]
    )


def values(before: FixedAnswer, after: FixedAnswer, task: Task) -> list[float]:
    return [measure.value for measure in measure_change(before, after, [b"one", b"two"], task=task)]  # type: ignore[arg-type]


def test_a_detection_is_matched_by_one_of_its_class_that_overlaps() -> None:
    before = detections((0, 0, 10, 10, 0.9, 1), (20, 20, 30, 30, 0.8, 2))
    after = detections((0, 0, 10, 9, 0.7, 1), (20, 20, 30, 30, 0.8, 3))
    assert values(before, after, Task.DETECTION) == pytest.approx([0.5, 0.2])


def test_without_detections_nothing_changes() -> None:
    assert values(detections(), detections(), Task.DETECTION) == [1, 0]


def test_a_lost_detection_has_no_partner() -> None:
    assert values(detections((0, 0, 10, 10, 0.9, 1)), detections(), Task.POSE) == [0, 0]


@pytest.mark.parametrize(
    ("task", "name", "before", "after", "expected"),
    [
        (Task.CLASSIFICATION, "class_id", [[1, 2]], [[1, 3]], 1),
        (Task.EMBEDDING, "embedding", [[1.0, 0.0]], [[0.6, 0.8]], 0.6),
        (Task.SEMANTIC_SEGMENTATION, "class_map", [[[1, 2], [3, 4]]], [[[1, 2], [3, 0]]], 0.75),
        (Task.DEPTH, "depth", [[[2.0, 2.0]]], [[[2.0, 1.0]]], 0.25),
    ],
)
def test_every_task_has_its_measure(task: Task, name: str, before: object, after: object, expected: float) -> None:
    (found,) = values(FixedAnswer(**{name: np.array(before)}), FixedAnswer(**{name: np.array(after)}), task)
    assert found == pytest.approx(expected)


def test_an_error_is_acceptable_below_its_limit_and_a_share_above() -> None:
    assert Measure("error", 0.01, 0.05, is_error=True).is_acceptable
    assert not Measure("share", 0.01, 0.05).is_acceptable
    assert str(Measure("share", 0.5, 0.9)) == "share: 0.5000 (at least 0.9 is expected)"


def test_without_images_nothing_is_measured() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        measure_change(detections(), detections(), [], task=Task.DETECTION)  # type: ignore[arg-type]
