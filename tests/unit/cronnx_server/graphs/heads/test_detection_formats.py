from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cronnx_server.graphs.heads.detection_formats import FORMATS, check_columns
from cronnx_server.model_spec import Task
from tests.unit.cronnx_server.graphs.heads.head_session import SIZE, detector
from tests.unit.cronnx_server.graphs.heads.planted_detections import FIRST_CLASS, OUTPUTS, encode, plant

HEIGHT, WIDTH = SIZE


@pytest.mark.parametrize("name", FORMATS)
def test_the_columns_of_every_format_are_right(name: str) -> None:
    images = [plant(np.random.default_rng(0), 5, 4, height=HEIGHT, width=WIDTH)]
    outputs = encode(name, images, classes=4, height=HEIGHT, width=WIDTH)
    spec = detector(name, OUTPUTS.get(name, 1), first_class=FIRST_CLASS.get(name, 0))
    check_columns(spec, [each.shape for each in outputs])


@pytest.mark.parametrize(
    ("name", "columns", "facts"),
    [
        ("ultralytics", 4 + 4 + 51, {"task": Task.POSE, "keypoint_shape": (17, 3)}),
        ("ultralytics", 4 + 4 + 1, {"task": Task.ORIENTED_BOXES}),
        ("ultralytics", 4 + 4 + 32, {"task": Task.INSTANCE_SEGMENTATION}),
        ("ultralytics_end2end", 6 + 1, {"task": Task.ORIENTED_BOXES}),
        ("ultralytics", None, {}),
        ("detr_sigmoid", 5, {}),
    ],
)
def test_columns_may_follow_the_classes(name: str, columns: int | None, facts: Any) -> None:
    check_columns(detector(name, 1, **facts), [_shape(name, columns)])


@pytest.mark.parametrize(
    ("name", "columns", "facts"),
    [
        ("ultralytics", 85, {}),
        ("ultralytics", 7, {}),
        ("ultralytics", 4 + 4 + 51, {"task": Task.POSE, "keypoint_shape": (17, 2)}),
        ("yolov5", 4 + 4, {}),
        ("ultralytics_end2end", 7, {}),
        ("detr", 4, {}),
        ("detr_sigmoid", 6, {}),
    ],
)
def test_another_number_of_columns_is_an_error(name: str, columns: int, facts: Any) -> None:
    with pytest.raises(ValueError, match=f"columns in the output 'output0' for 4 labels .*, got {columns}; "):
        check_columns(detector(name, 1, **facts), [_shape(name, columns)])


def _shape(name: str, columns: int | None) -> tuple[int | None, ...]:
    return (1, columns, 8400) if FORMATS[name].columns_first else (1, 8400, columns)
