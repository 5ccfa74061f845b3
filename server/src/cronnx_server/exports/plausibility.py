"""Warns where the answers for photographs look wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.facts import Facts
from cronnx_server.exports.measurement import FRACTION_LIMIT, NORMALISATIONS, Answers, Runner
from cronnx_server.graphs.heads.detection_formats import FORMATS, DetectionFormat
from cronnx_server.graphs.heads.instance_segmentation import DETECTION_FORMATS
from cronnx_server.model_spec import ModelSpec, NetworkInput, Task

SCORE_TASKS = (Task.CLASSIFICATION, Task.MULTI_LABEL)
SATURATED = 0.9999
CLASS_COLUMNS: Mapping[str, tuple[int, int | None]] = {
    "ultralytics_end2end": (0, 5),
    "ultralytics_rtdetr_topk": (0, 5),
    "columns_xyxy_score_class": (0, 5),
    "rows_batch_xyxy_class_score": (0, 5),
    "rows_batch_xyxy_score_class": (0, 6),
    "rows_class_score_xyxy": (0, 0),
    "ssd_rows": (0, 1),
    "counted": (3, None),
    "counted_tf": (3, None),
    "boxes_labels_scores": (1, None),
    "boxes_labels_scores_fraction": (1, None),
    "torchvision": (1, None),
    "dets_labels": (1, None),
    "class_map": (0, None),
}
"""Where an output format names classes: the place of the output, and the column; None if all values are classes."""
MANY_ROWS, MANY_CONFIDENT = 1000, 0.5
"""A grid of more boxes has few that show an object."""
TURNED = 0.05
"""The share of turned boxes that is no rounding."""
PIXELS = "if the input is wrong, pass --mean, --std, --scale or --bgr"

Array = npt.NDArray[Any]


def plausibility_warnings(
    runner: Runner, images: Sequence[Image.Image], spec: ModelSpec, facts: Facts, answers: Answers
) -> Iterator[str]:
    """One sentence for each thing that looks wrong in the answers, with the option that may settle it.

    Raises:
        ModelFileError: The answers are no numbers, or name classes that have no label.
    """
    for name in spec.outputs:
        if not all(np.isfinite(value).all() for value in answers.values(name)):
            raise ModelFileError(f"expected finite numbers in '{name}' for photographs, got NaN or infinity; {PIXELS}")
    main = answers.values(spec.outputs[0])
    if len(main) > 1 and main[0].size and all(_equal(main[0], value) for value in main[1:]):
        yield f"'{spec.outputs[0]}' is the same for every photograph; {PIXELS}"
    if spec.task in SCORE_TASKS:
        scores = [scores_of(value, spec.activation) for value in main]
        yield from _score_warnings(scores, spec)
        yield from _sensitivity(runner, images, spec, facts, scores)
    _check_classes(answers, spec)
    yield from _detection_warnings(answers, spec)
    yield from _box_warnings(answers, spec)
    if spec.task is Task.DEPTH and any(np.ptp(value) == 0 for value in main):
        yield f"the depth of a photograph is one value everywhere; {PIXELS}"


def scores_of(values: Array, activation: str) -> Array:
    """The scores of one photograph [classes]."""
    flat = values.reshape(-1).astype(np.float64)
    if activation == "softmax":
        exponentials = np.exp(flat - flat.max())
        return np.asarray(exponentials / exponentials.sum())
    return 1 / (1 + np.exp(-flat)) if activation == "sigmoid" else flat


def _score_warnings(scores: Sequence[Array], spec: ModelSpec) -> Iterator[str]:
    if spec.activation == "none" and any(score.min() < -1e-3 or score.max() > 1.001 for score in scores):
        low, high = min(s.min() for s in scores), max(s.max() for s in scores)
        yield f"scores go from {low:.3g} to {high:.3g}, but expected 0 to 1; pass --activation softmax or sigmoid"
    elif spec.task is Task.CLASSIFICATION and any(abs(score.sum() - 1) > 0.02 for score in scores):
        yield "the scores of a photograph do not sum to 1; for independent labels pass --task multi_label"
    if len(scores) > 1 and all(score.max() > SATURATED for score in scores):
        yield f"the best score of every photograph is above {SATURATED}; that may be right, but {PIXELS}"
    if len(scores) > 2 and len({int(score.argmax()) for score in scores}) == 1 and spec.task is Task.CLASSIFICATION:
        label = spec.labels[int(scores[0].argmax())]
        yield f"every photograph gets the class '{label}'; that may be right, but {PIXELS}"


def _check_classes(answers: Answers, spec: ModelSpec) -> None:
    """Compare the classes that the outputs name with the labels."""
    if spec.output_format not in CLASS_COLUMNS:
        return
    output, column = CLASS_COLUMNS[spec.output_format]
    values = [_outputs(answer, spec)[output] for answer in answers.photographs]
    classes = np.concatenate([(value if column is None else value[..., column]).ravel() for value in values])
    highest = int(classes.astype(np.int64).max(initial=-1)) - spec.first_class
    # 255 in a class map is no class.
    if highest >= len(spec.labels) and not (spec.output_format == "class_map" and highest == 255):
        raise ModelFileError(
            f"expected labels for {highest + 1} classes or more, as photographs show, got {len(spec.labels)}; pass a "
            "matching --labels, or --first-class if the network counts from another number"
        )


def _detection_warnings(answers: Answers, spec: ModelSpec) -> Iterator[str]:
    best = [_row_scores(_outputs(answer, spec), spec) for answer in answers.photographs]
    scores = [score for score in best if score is not None and score.size]
    if not scores:
        return
    low, high = min(float(score.min()) for score in scores), max(float(score.max()) for score in scores)
    if low < -1e-3 or high > 1.001:
        yield f"scores go from {low:.3g} to {high:.3g}, but expected 0 to 1; pass --format or --activation"
    elif high < spec.confidence:
        yield (
            f"no photograph has a detection of score {spec.confidence} or more (the best is {high:.3g}); that may be "
            f"right, but {PIXELS}"
        )
    elif all(score.size > MANY_ROWS and (score >= spec.confidence).mean() > MANY_CONFIDENT for score in scores):
        yield f"most boxes of every photograph have a score of {spec.confidence} or more; pass --format, or {PIXELS}"


def _box_warnings(answers: Answers, spec: ModelSpec) -> Iterator[str]:
    """Compare the confident boxes with what the output format makes of four columns."""
    layout = FORMATS.get(DETECTION_FORMATS.get(spec.output_format, spec.output_format))
    if layout is None or layout.box_coding == "yolox" or spec.task is Task.ORIENTED_BOXES:
        return
    found = [_confident_boxes(_outputs(answer, spec), spec, layout) for answer in answers.photographs]
    boxes = np.concatenate(found) if found else np.zeros((0, 4))
    if not len(boxes):
        return
    if not layout.fraction and boxes.max() <= FRACTION_LIMIT:
        yield (
            f"no coordinate of a box is above {boxes.max():.3g}, but '{spec.output_format}' has pixels of the "
            f"network's image; boxes in other units need another --format, or an export in pixels"
        )
    elif layout.fraction and boxes.max() > 2 * FRACTION_LIMIT:
        yield f"boxes go up to {boxes.max():.3g}, but '{spec.output_format}' has fractions of the image; pass --format"
    if layout.box_coding != "cxcywh" and (boxes[:, 2:] < boxes[:, :2]).any(axis=1).mean() > TURNED:
        yield (
            f"boxes end before they begin, so they are not as '{spec.output_format}' has them, but perhaps relative to "
            "anchors; pass --format, or export the model with its boxes decoded"
        )


def _confident_boxes(outputs: Sequence[Array], spec: ModelSpec, layout: DetectionFormat) -> Array:
    """The boxes of one photograph that are answered [n, 4], as the network gives them."""
    scores = _row_scores(outputs, spec)
    if scores is None:
        return np.zeros((0, 4))
    table = outputs[layout.box.tensor]
    rows = np.swapaxes(table, -1, -2) if layout.columns_first else table
    boxes = rows[..., layout.box.start : layout.box.start + 4].reshape(-1, 4)
    return np.asarray(boxes[scores.ravel() >= spec.confidence], np.float64)


def _outputs(answer: Mapping[str, Array], spec: ModelSpec) -> list[Array]:
    """The outputs for one photograph, without the rows behind those that the first output counts."""
    outputs = [answer[name] for name in spec.outputs]
    if spec.output_format in ("counted", "counted_tf"):
        count = int(outputs[0].ravel()[0])
        return [outputs[0], *(output[:, :count] for output in outputs[1:])]
    return outputs


def _row_scores(outputs: Sequence[Array], spec: ModelSpec) -> Array | None:
    """The best score of each row of one photograph; None where the format is a table that the values proved."""
    classes = len(spec.labels)
    first = np.asarray(outputs[0], np.float64)
    match spec.output_format:
        case "ultralytics":
            return np.asarray(first[:, 4 : 4 + classes].max(axis=1))
        case "ultralytics_rows" | "ultralytics_rtdetr":
            return np.asarray(first[..., 4 : 4 + classes].max(axis=-1))
        case "ultralytics_end2end" | "ultralytics_rtdetr_topk" | "columns_xyxy_score_class" | "dets_labels":
            return np.asarray(first[..., 4])
        case "yolov5" | "yolox":
            return np.asarray(first[..., 4] * first[..., 5 : 5 + classes].max(axis=-1))
        case "boxes_scores" | "boxes_scores_fraction":
            return np.asarray(outputs[1][..., spec.first_class :].max(axis=-1), np.float64)
        case "boxes_labels_scores" | "boxes_labels_scores_fraction" | "counted" | "counted_tf" | "torchvision":
            return np.asarray(outputs[2], np.float64)
        case "detr":
            exponentials = np.exp(first - first.max(axis=-1, keepdims=True))
            return np.asarray((exponentials / exponentials.sum(axis=-1, keepdims=True))[..., :-1].max(axis=-1))
        case "detr_sigmoid" | "detr_masks":
            return np.asarray(1 / (1 + np.exp(-first.max(axis=-1))))
    return None


def _sensitivity(
    runner: Runner, images: Sequence[Image.Image], spec: ModelSpec, facts: Facts, scores: Sequence[Array]
) -> Iterator[str]:
    """How much an assumed normalisation matters."""
    if not any(fact.assumed and fact.name in ("mean", "std", "scale", "channel_order") for fact in facts):
        return
    before = [int(score.argmax()) for score in scores]
    changes = []
    for name, candidate in _candidates(spec.input, facts):
        answers = runner.answers(images, spec.recipe, candidate)
        after = [int(value.argmax()) for value in answers.values(spec.outputs[0])]
        changes.append(f"{sum(map(int.__ne__, before, after))} with {name}")
    if changes:
        yield (
            f"the assumed values of the input matter: of {len(images)} photographs, the first class changes for "
            f"{', '.join(changes)}"
        )


def _candidates(current: NetworkInput, facts: Facts) -> Iterator[tuple[str, NetworkInput]]:
    flipped = "RGB" if current.channel_order == "BGR" else "BGR"
    assumed = {fact.name for fact in facts if fact.assumed}
    if current.datatype != "UINT8" and assumed & {"mean", "std"}:
        for name, (mean, std) in NORMALISATIONS.items():
            if (current.mean, current.std) != (mean, std):
                yield name, replace(current, scale=1 / 255, mean=mean, std=std)
    if current.datatype != "UINT8" and "scale" in assumed:
        yield "--scale 1", replace(current, scale=1.0, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    if "channel_order" in assumed:
        yield "--bgr" if flipped == "BGR" else "--no-bgr", replace(current, channel_order=flipped)


def _equal(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, atol=1e-6, rtol=1e-4))
