"""Models as exporters write them, and the rules by which an answer equals the exporter's own.

The models are not part of the project: a test that needs them skips where they are absent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cronnx import Classification, Depth, Detection, Detections, Embedding, Segmentation
from cronnx_server.paths import ROOT

EXPORTS = ROOT.parent / "shared" / "exports"
ABSENT = f"the exported models of {EXPORTS} are not part of the project"
PHOTOGRAPHS = ("coffee.jpg", "chelsea.jpg", "rocket.jpg")

SURE = 0.3
"""The score from which a detection has to be found, and from which no other may be."""
SCORE_TOLERANCE = 0.02
LEAST_BOX_IOU = 0.98
LEAST_MASK_IOU = 0.95
KEYPOINT_TOLERANCE = 0.01
"""In longer sides of the box."""
LEAST_EQUAL_PIXELS = 0.99
LEAST_COSINE = 0.999
DEPTH_TOLERANCE = 0.01


@dataclass(frozen=True)
class ExportedModel:
    """A folder that an exporter wrote, with the answers of the exporter's own code.

    Attributes:
        folder: The folder.
    """

    folder: Path

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.name

    @cached_property
    def expected(self) -> Mapping[str, Any]:
        """The content of `expected.json`."""
        content: Mapping[str, Any] = json.loads((self.folder / "expected.json").read_text())
        return content

    @property
    def task(self) -> str:
        """The task."""
        return str(self.expected["task"])

    @property
    def labels(self) -> list[str]:
        """The labels."""
        return list(self.expected["labels"])

    def array(self, photograph: str, name: str) -> npt.NDArray[Any]:
        """An array of `expected.npz`."""
        with np.load(self.folder / "expected.npz") as arrays:
            array: npt.NDArray[Any] = arrays[f"{photograph}/{name}"]
            return array

    def differences(self, photograph: str, answer: Any) -> list[str]:
        """How an answer differs from the exporter's, one sentence each; empty if it is right."""
        return list(_RULES[self.task](self, photograph, answer))


def exported_models() -> list[ExportedModel]:
    """The models that are there; none if the folder is absent."""
    return [ExportedModel(path.parent) for path in sorted(EXPORTS.glob("*/expected.json"))]


def _classification(model: ExportedModel, photograph: str, answer: Classification) -> Iterator[str]:
    scores = model.array(photograph, "scores").ravel()
    best = int(scores.argmax())
    if answer.class_id != best:
        yield f"first class {answer.class_id}, expected {best}"
    for each in answer.top:
        if abs(each.score - scores[each.class_id]) > SCORE_TOLERANCE:
            yield f"class {each.class_id} has score {each.score:.4f}, expected {scores[each.class_id]:.4f}"
        if each.label != model.labels[each.class_id]:
            yield f"class {each.class_id} is '{each.label}', expected '{model.labels[each.class_id]}'"


def _detections(model: ExportedModel, photograph: str, answer: Detections) -> Iterator[str]:
    expected = model.expected["pictures"][photograph]["detections"]
    masks = _masks(model, photograph, answer.image_size[0])
    left = list(answer)
    for row, wanted in enumerate(expected):
        if wanted["score"] < SURE:
            continue
        candidates = [found for found in left if _differs(found, wanted) == ""]
        if not candidates:
            near = max(left, key=lambda found: _iou(found.box, wanted["box"]), default=None)
            yield f"{wanted['label']} {wanted['score']:.3f} {wanted['box']} is missing; the nearest is {near}"
            continue
        found = max(candidates, key=lambda found: _iou(found.box, wanted["box"]))
        left.remove(found)
        yield from _keypoint_difference(found, wanted)
        if masks is not None:
            yield from _mask_difference(found, masks[row])
    for found in left:
        # The exporter's score of a detection near the limit may lie below it.
        if found.score >= SURE + SCORE_TOLERANCE and not any(_differs(found, wanted) == "" for wanted in expected):
            yield f"unexpected {found.label} {found.score:.3f} {found.box}"


def _differs(found: Detection, wanted: Mapping[str, Any]) -> str:
    if found.class_id != wanted["class_id"]:
        return "class"
    if abs(found.score - wanted["score"]) > SCORE_TOLERANCE:
        return "score"
    return "" if _iou(found.box, wanted["box"]) >= LEAST_BOX_IOU else "box"


def _iou(one: Sequence[float], other: Sequence[float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / max(sum(areas) - shared, 1e-9)


def _keypoint_difference(found: Detection, wanted: Mapping[str, Any]) -> Iterator[str]:
    if "keypoints" not in wanted:
        return
    x1, y1, x2, y2 = wanted["box"]
    tolerance = KEYPOINT_TOLERANCE * max(x2 - x1, y2 - y1)
    distance = np.abs(np.asarray(found.keypoints)[:, :2] - np.asarray(wanted["keypoints"])[:, :2]).max()
    if distance > tolerance:
        yield f"a keypoint of {wanted['label']} {wanted['box']} is {distance:.2f} pixels away, at most {tolerance:.2f}"


def _masks(model: ExportedModel, photograph: str, width: int) -> npt.NDArray[np.bool_] | None:
    """The masks of the expected detections, [n, height, width]; each row of pixels is packed to bits."""
    if model.task != "instance_segmentation":
        return None
    return np.unpackbits(model.array(photograph, "masks"), axis=-1, count=width).astype(bool)


def _mask_difference(found: Detection, wanted: npt.NDArray[np.bool_]) -> Iterator[str]:
    mask = found.mask
    if mask is None:
        yield f"{found.label} has no mask"
        return
    overlap = (mask & wanted).sum() / max((mask | wanted).sum(), 1)
    if overlap < LEAST_MASK_IOU:
        yield f"the mask of {found.label} {found.box} has IoU {overlap:.3f}, at least {LEAST_MASK_IOU}"


def _segmentation(model: ExportedModel, photograph: str, answer: Segmentation) -> Iterator[str]:
    expected = model.array(photograph, "classes")
    found = answer.class_map
    equal = float((found == expected).mean()) if found.shape == expected.shape else 0.0
    if equal < LEAST_EQUAL_PIXELS:
        yield f"{equal:.4f} of the pixels {found.shape} are equal, at least {LEAST_EQUAL_PIXELS} of {expected.shape}"


def _embedding(model: ExportedModel, photograph: str, answer: Embedding) -> Iterator[str]:
    expected = model.array(photograph, "embedding").ravel()
    cosine = float(answer.vector @ expected / np.linalg.norm(expected) / np.linalg.norm(answer.vector))
    if cosine < LEAST_COSINE:
        yield f"cosine {cosine:.5f}, at least {LEAST_COSINE}"


def _depth(model: ExportedModel, photograph: str, answer: Depth) -> Iterator[str]:
    expected = model.array(photograph, "depth")
    error = float(np.abs(answer.depth - expected).mean() / np.abs(expected).mean())
    if error > DEPTH_TOLERANCE:
        yield f"relative error {error:.4f}, at most {DEPTH_TOLERANCE}"


_RULES: Mapping[str, Callable[[ExportedModel, str, Any], Iterator[str]]] = {
    "classification": _classification,
    "multi_label": _classification,
    "detection": _detections,
    "pose": _detections,
    "instance_segmentation": _detections,
    "semantic_segmentation": _segmentation,
    "embedding": _embedding,
    "depth": _depth,
}
