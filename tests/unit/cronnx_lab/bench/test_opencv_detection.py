"""The rival's detection: planted boxes come back in the photograph's pixels, once each."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from cronnx_lab.bench.opencv_detection import Letterbox, postprocess, preprocess, suppress


def _jpeg(width: int, height: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), (255, 0, 0)).save(file, "PNG")
    return file.getvalue()


def test_a_photograph_is_letterboxed_with_grey() -> None:
    planes, letterbox = preprocess(_jpeg(200, 100), size=64)
    assert letterbox == Letterbox(0.32, 0, 16)
    assert planes[0, :, 32, 32].tolist() == [1, 0, 0]
    assert np.allclose(planes[0, :, 0, 0], 114 / 255)


def test_a_planted_box_is_found_once_in_the_photograph() -> None:
    raw = np.zeros((6, 10), np.float32)
    raw[:, 3] = [32, 32, 16, 8, 0.1, 0.9]
    raw[:, 4] = [33, 32, 16, 8, 0.1, 0.8]
    found = postprocess(raw, Letterbox(0.32, 0, 16))
    assert np.allclose(found.box, [[75, 37.5, 125, 62.5]])
    assert found.as_lists()["class_id"] == [1]


def test_a_box_of_another_class_stays() -> None:
    raw = np.zeros((6, 10), np.float32)
    raw[:, 3] = [32, 32, 16, 8, 0.1, 0.9]
    raw[:, 4] = [32, 32, 16, 8, 0.8, 0.1]
    assert postprocess(raw, Letterbox(1, 0, 0)).class_id.tolist() == [1, 0]


def test_suppression_keeps_the_best_of_overlapping_boxes() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]], np.float32)
    assert suppress(boxes, np.array([0.5, 0.9, 0.7], np.float32)) == [1, 2]
