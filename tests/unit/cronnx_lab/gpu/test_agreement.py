from __future__ import annotations

import pytest

from cronnx import Classification, Detection, Detections, ScoredClass
from cronnx_lab.gpu.agreement import Answer, agreeing, pictures
from cronnx_preprocess.formats import read_header
from cronnx_preprocess.payload import encoded_image

BOX = (10.0, 10.0, 110.0, 110.0)


def classification(label: str) -> Classification:
    return Classification((ScoredClass(label, 1, 0.9),), "m/1@0", "m")


def detections(*found: tuple[str, float, tuple[float, float, float, float]]) -> Detections:
    objects = tuple(Detection(label, 1, score, box) for label, score, box in found)
    return Detections(objects, "m/1@0", "m", (200, 200))


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        (classification("cat"), classification("cat"), True),
        (classification("cat"), classification("dog"), False),
        (detections(), detections(), True),
        (detections(("text", 0.9, BOX)), detections(("text", 0.6, (11.0, 9.0, 111.0, 110.0))), True),
        (detections(("text", 0.9, BOX)), detections(("title", 0.9, BOX)), False),
        (detections(("text", 0.9, BOX)), detections(("text", 0.9, (10.0, 10.0, 90.0, 110.0))), False),
        (detections(("text", 0.9, BOX)), detections(), False),
        (detections(), detections(("text", 0.9, BOX)), False),
        (detections(("text", 0.4, BOX)), detections(), True),
    ],
)
def test_answers_agree_on_the_best_label_or_on_the_sure_objects(one: Answer, other: Answer, agree: bool) -> None:
    assert agreeing([one], [other]) == agree


def test_the_pictures_are_plain_jpegs_of_many_sizes_and_the_same_in_every_run() -> None:
    made = pictures(12)
    headers = [read_header(encoded_image(file, max_bytes=10**7)) for file in made]
    assert all(header.is_plain for header in headers)
    assert len({header.size for header in headers}) == 12
    assert made == pictures(12)
