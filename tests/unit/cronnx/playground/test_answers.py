from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cronnx import BoxMask, Depth, Detection, Detections, Geometry, Segmentation
from cronnx.playground.answers import MOST_PIXELS, answer_json
from tests.unit.cronnx.playground.asgi import Browser
from tests.unit.cronnx.playground.fake_triton import FakeTriton
from tests.unit.cronnx.typed_answers import photo

TASKS = {
    "classification": {"top", "label", "class_id", "score", "independent"},
    "multi_label": {"top", "label", "class_id", "score", "independent"},
    "detection": {"width", "height", "detections"},
    "pose": {"width", "height", "detections"},
    "oriented_boxes": {"width", "height", "detections"},
    "instance_segmentation": {"width", "height", "detections"},
    "semantic_segmentation": {"width", "height", "classes"},
    "embedding": {"embedding"},
    "depth": {"minimum", "maximum", "width", "height", "depth"},
}
LARGE = (4000, 2000)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_its_answer(page: Browser, triton: FakeTriton, task: str) -> None:
    triton.serve("cats", task)
    answered = page.post("/api/infer?model=cats", photo()).json()
    assert answered["task"] == task
    assert set(answered["answer"]) == TASKS[task] | {"served_by"}


def object_with_a_mask(width: int, height: int) -> Detections:
    """An object in the right half of a photo, that fills its box."""
    box = (width / 2, 0.0, float(width), float(height))
    mask = BoxMask(np.ones((4, 4), np.int16), box, 1, box, (width, height))
    return Detections((Detection("cat", 1, 0.5, box, box_mask=mask),), "net/1", "cats", (width, height))


def runs(segmentation: dict[str, Any]) -> list[int]:
    """Decode run lengths: see `encode` of COCO's maskApi.c."""
    counts: list[int] = []
    value = shift = 0
    for character in segmentation["counts"]:
        group = ord(character) - 48
        value |= (group & 0x1F) << shift
        shift += 5
        if not group & 0x20:
            value -= (1 << shift) if group & 0x10 else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    return counts


def test_the_mask_of_a_large_photo_is_smaller_and_the_box_is_not() -> None:
    answer = answer_json(object_with_a_mask(*LARGE))
    (found,) = answer["detections"]
    assert (answer["width"], answer["height"]) == LARGE
    assert found["box"] == [2000, 0, 4000, 2000]
    assert found["segmentation"]["size"] == [500, 1000]
    assert runs(found["segmentation"]) == [500 * 500, 500 * 500]  # the left half is not the cat, the right half is


def test_a_small_photo_is_answered_as_the_client_does() -> None:
    answer = object_with_a_mask(60, 40)
    assert answer_json(answer) == answer.to_dict()


def segmentation(width: int, height: int) -> Segmentation:
    grid = np.array([[0, 0, 0, 2]], np.uint8)
    return Segmentation(
        ("sky", "sea", "cat"), grid, Geometry(width, height, 4 / width, 1 / height, 0, 0), "net/1", "cats"
    )


def test_the_classes_of_a_large_photo_are_laid_over_fewer_pixels() -> None:
    answer = answer_json(segmentation(*LARGE))
    assert (answer["width"], answer["height"]) == (1000, 500)
    sky, cat = answer["classes"]
    assert (sky["share"], cat["share"]) == (0.75, 0.25)
    assert runs(cat["segmentation"]) == [750 * 500, 250 * 500]


def depth(geometry: Geometry) -> tuple[dict[str, Any], Image.Image]:
    grid = np.array([[1, 1, 1, 1, 3, 3, 3, 3]], np.float32)
    answer = answer_json(Depth(grid, geometry, "net/1", "cats"))
    return answer, Image.open(io.BytesIO(base64.b64decode(answer["depth"].removeprefix("data:image/png;base64,"))))


def test_a_depth_is_a_grey_picture() -> None:
    answer, picture = depth(Geometry(8, 4, 1, 0.25, 0, 0))
    assert (picture.mode, picture.size, (answer["width"], answer["height"])) == ("LA", (8, 4), (8, 4))
    assert answer["minimum"] < answer["maximum"]
    grey = np.asarray(picture)[..., 0]
    assert (grey.min(), grey.max()) == (0, 255)
    assert (grey[:, 0] < grey[:, 7]).all()


def test_what_a_crop_cut_off_is_transparent() -> None:
    _, picture = depth(Geometry(16, 1, 1, 1, -4, 0))
    assert np.asarray(picture)[0, :, 1].tolist() == [0] * 4 + [255] * 8 + [0] * 4


def test_the_depth_of_a_large_photo_is_smaller() -> None:
    _, picture = depth(Geometry(*LARGE, 8 / LARGE[0], 1 / LARGE[1], 0, 0))
    assert picture.size == (1000, 500)
    assert picture.width * picture.height <= MOST_PIXELS


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_flat_depth_has_a_picture(value: float) -> None:
    answer = answer_json(Depth(np.full((2, 2), value, np.float32), Geometry(2, 2, 1, 1, 0, 0), "net/1", "cats"))
    assert answer["minimum"] == answer["maximum"] == pytest.approx(value)
    assert json.dumps(answer, allow_nan=False)
