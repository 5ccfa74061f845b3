"""How many pictures get the same answer from two servers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from io import BytesIO

from PIL import Image

from cronnx import Classification, Client, Detection, Detections
from cronnx_server.model_spec import Task
from cronnx_server.paths import PICTURES

COUNT = 100
SEED = 1

SCORE = 0.5
"""The score from which an object has to be found by both."""
OVERLAP = 0.9
"""The least intersection over union of two boxes of the same object."""

Answer = Classification | Detections


def pictures(count: int = COUNT) -> list[bytes]:
    """JPEGs of random parts of the project's photographs, of many sizes; the same in every run."""
    chance = random.Random(SEED)  # noqa: S311 - reproducible, not secret
    photographs = [Image.open(path).convert("RGB") for path in sorted(PICTURES.rglob("*.jpg"))]
    return [_part(photographs[number % len(photographs)], chance) for number in range(count)]


def _part(photograph: Image.Image, chance: random.Random) -> bytes:
    width, height = (round(side * chance.uniform(0.5, 1)) for side in photograph.size)
    left, top = chance.randint(0, photograph.width - width), chance.randint(0, photograph.height - height)
    file = BytesIO()
    part = photograph.crop((left, top, left + width, top + height))
    part.save(file, "JPEG", quality=chance.randint(75, 95), subsampling=chance.choice(("4:4:4", "4:2:2", "4:2:0")))
    return file.getvalue()


def answers(client: Client, model: str, images: Sequence[bytes], *, task: Task) -> list[Answer]:
    """The answers of a server, one request for each image."""
    if task is Task.DETECTION:
        return [client.detect(image, model_name=model) for image in images]
    return [client.classify(image, model_name=model) for image in images]


def agreeing(ours: Sequence[Answer], theirs: Sequence[Answer]) -> int:
    """The number of pictures with the same best label, or with the same objects."""
    return sum(_agree(*pair) for pair in zip(ours, theirs, strict=True))


def _agree(one: Answer, other: Answer) -> bool:
    if isinstance(one, Detections) and isinstance(other, Detections):
        return _found(one, other) and _found(other, one)
    return isinstance(one, Classification) and isinstance(other, Classification) and one.label == other.label


def _found(wanted: Detections, among: Detections) -> bool:
    """Whether each object with a good score is among others."""
    sure = [each for each in wanted if each.score >= SCORE]
    return all(any(_same(each, other) for other in among) for each in sure)


def _same(one: Detection, other: Detection) -> bool:
    if one.label != other.label:
        return False
    left, top = max(one.box[0], other.box[0]), max(one.box[1], other.box[1])
    right, bottom = min(one.box[2], other.box[2]), min(one.box[3], other.box[3])
    common = max(0.0, right - left) * max(0.0, bottom - top)
    return common >= OVERLAP * (_area(one) + _area(other) - common)


def _area(detection: Detection) -> float:
    left, top, right, bottom = detection.box
    return (right - left) * (bottom - top)
