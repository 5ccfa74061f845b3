"""Tells how a detector's outputs are laid out, by their names, then by their shapes and values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.families import Evidence, Interpretation, Output
from cronnx_server.exports.measurement import FRACTION_LIMIT, is_softmax, is_unit, is_whole
from cronnx_server.model_spec import Task

NAMES = "graph: output names"
VALUES = "measured: columns of the output"
STRIDES = (8, 16, 32)
TABLES = {
    "ultralytics",
    "ultralytics_rows",
    "ultralytics_end2end",
    "ultralytics_rtdetr",
    "ultralytics_rtdetr_topk",
    "yolov5",
    "yolox",
    "columns_xyxy_score_class",
    "rows_batch_xyxy_class_score",
    "rows_batch_xyxy_score_class",
    "rows_class_score_xyxy",
    "ssd_rows",
}
"""Formats of which the first output has all boxes."""
FEWEST_QUERIES, MOST_QUERIES = 50, 1000
"""How many queries a transformer has; a grid of a usual image has more cells."""
PERSON_KEYPOINTS = (17, 3)


def counted(evidence: Evidence) -> Iterator[Interpretation]:
    """Boxes after suppression with their number: EfficientNMS, TensorFlow's detectors, YOLO-NAS."""
    for names in (
        ("num_dets", "det_boxes", "det_scores", "det_classes"),
        ("num_predictions", "pred_boxes", "pred_scores", "pred_classes"),
        ("num_detections", "detection_boxes", "detection_scores", "detection_classes"),
    ):
        if found := evidence.named(*names):
            fraction = _is_fraction(evidence.rows(found[1])) and not found[0].integral
            output_format = "counted_tf" if fraction else "counted"
            assumptions = {"first_class": 1} if fraction else None
            yield _detection(output_format, names, NAMES, assumptions=assumptions)


def transformers(evidence: Evidence) -> Iterator[Interpretation]:
    """Queries with logits and boxes: DETR and what followed it."""
    for logits_name, boxes_name, masks_name in (
        ("logits", "pred_boxes", "pred_masks"),
        ("pred_logits", "pred_boxes", "pred_masks"),
        ("labels", "dets", "masks"),
    ):
        found = evidence.named(logits_name, boxes_name)
        if found is None or found[0].integral or len(found[0].shape) != 3 or found[1].shape[-1] != 4:
            continue
        masks = evidence.named(masks_name)
        with_masks = masks is not None and evidence.facts.get("task") in (None, Task.INSTANCE_SEGMENTATION.value)
        names = (logits_name, boxes_name, *([masks_name] if with_masks else []))
        task = Task.INSTANCE_SEGMENTATION if with_masks else Task.DETECTION
        yield _query_format(evidence, found[0], names, task, is_rfdetr=boxes_name == "dets")


def boxes_labels_scores(evidence: Evidence) -> Iterator[Interpretation]:
    """Boxes, labels and scores as three outputs, whatever their names: torchvision, RT-DETR's repositories, SSD."""
    if evidence.named("boxes_0", "boxes_1"):
        raise ModelFileError(
            "expected one set of outputs, got one for each image of a batch; export it with batch 1, or use --raw"
        )
    found = evidence.named("boxes", "labels", "scores") or evidence.named(
        "detected_boxes", "detected_classes", "detected_scores"
    )
    roles = found or _by_shape(evidence)
    if roles is None or not roles[1].integral or len(roles[0].shape) < 2:
        return
    names = tuple(output.name for output in roles)
    boxes = evidence.rows(roles[0])
    wanted = evidence.facts.get("output_format")
    if not boxes.size and wanted is None:
        raise ModelFileError(
            "expected boxes for a photograph, to tell pixels from fractions, got none; pass --format "
            "boxes_labels_scores or boxes_labels_scores_fraction"
        )
    output_format = "boxes_labels_scores_fraction" if _is_fraction(boxes) else "boxes_labels_scores"
    if not boxes.size:
        output_format = wanted
    labels = np.concatenate([value.ravel() for value in evidence.answers.values(names[1])])
    from_zero = "detected_boxes" in names or len(evidence.graph.inputs) > 1 or not labels.min(initial=1)
    # Torchvision's and the zoo's detectors keep 0 for the background.
    facts, assumptions = ({"first_class": 0}, None) if from_zero else (None, {"first_class": 1})
    masks = [o for o in evidence.outputs if o.name not in names and len(o.shape) == 4 and o.shape[1] == 1]
    if masks and evidence.facts.get("task") in (None, Task.INSTANCE_SEGMENTATION.value):
        yield Interpretation(
            task=Task.INSTANCE_SEGMENTATION,
            output_format="torchvision",
            outputs=(*names, masks[0].name),
            source="graph: output shapes",
            facts=facts,
            assumptions=assumptions,
        )
    else:
        yield _detection(output_format, names, NAMES if found else "graph: output shapes", facts, assumptions)


def dets_labels(evidence: Evidence) -> Iterator[Interpretation]:
    """MMDeploy's boxes with scores, and labels."""
    found = evidence.named("dets", "labels")
    if found and found[0].shape[-1] == 5 and found[1].integral:
        yield _detection("dets_labels", ("dets", "labels"), NAMES, {"first_class": 0})


def boxes_and_scores(evidence: Evidence) -> Iterator[Interpretation]:
    """One box and one score of each class for each cell of a grid, before suppression."""
    floats = [output for output in evidence.outputs if len(output.shape) == 3 and not output.integral]
    pairs = [(a, b) for a in floats for b in floats if a is not b and a.shape[1] == b.shape[1] and a.shape[2] == 4]
    if len(pairs) == 2:  # both outputs have four columns
        pairs = [pair for pair in pairs if "box" in pair[0].name]
    for boxes, scores in pairs:
        names, classes = (boxes.name, scores.name), scores.shape[2]
        rows = evidence.rows(scores)
        if not is_unit(rows):
            if boxes.shape[1] <= MOST_QUERIES and is_unit(evidence.rows(boxes)):
                yield _query_format(evidence, scores, names[::-1], Task.DETECTION, is_rfdetr=False)
            continue
        if not _is_fraction(evidence.rows(boxes)):
            yield _detection("boxes_scores", names, VALUES, {"first_class": 0}, classes=classes)
            continue
        background = classes > 1 and np.median(rows[:, 0]) > 0.5 and np.allclose(rows.sum(axis=1), 1, atol=0.01)
        yield _detection(
            "boxes_scores_fraction", names, VALUES, {"first_class": int(background)}, classes=classes - int(background)
        )


def rows(evidence: Evidence) -> Iterator[Interpretation]:
    """Rows of boxes in one output."""
    for output in evidence.outputs:
        shape = output.shape
        if output.integral:
            continue
        if len(shape) == 4 and shape[:2] == (1, 1) and shape[3] == 7:
            yield _detection("ssd_rows", (output.name,), "graph: output shape", None, {"first_class": 1})
        elif len(shape) == 2 and shape[1] in (6, 7):
            yield from _table(evidence, output)
        elif len(shape) == 3 and shape[0] == 1:
            yield from _grid(evidence, output)


def stated(evidence: Evidence) -> Iterator[Interpretation]:
    """The format that an option or a file names, where the values neither prove nor refute it: no box was found."""
    output_format, given = evidence.facts.get("output_format"), evidence.facts.get("task")
    task = Task(given or Task.DETECTION.value)
    tables = [output for output in evidence.outputs if not output.integral and len(output.shape) in (2, 3)]
    prototypes = [output for output in evidence.outputs if len(output.shape) == 4]
    if output_format not in TABLES or not tables:
        return
    masks = prototypes[:1] if task is Task.INSTANCE_SEGMENTATION else []
    outputs = tables[:1] + masks
    if not _has_columns(evidence, output_format, task, outputs):
        return
    yield Interpretation(
        task=task,
        output_format=output_format,
        outputs=tuple(output.name for output in outputs),
        source="graph: output shapes",
        facts={"first_class": 0},
        classes=_stated_classes(evidence, output_format, task, outputs),
    )


def _has_columns(evidence: Evidence, output_format: str, task: Task, outputs: list[Output]) -> bool:
    """Whether an output has the columns of a format and of what the task adds."""
    shape = outputs[0].shape
    if task is Task.INSTANCE_SEGMENTATION and len(outputs) == 1:
        return False
    if output_format in ("ultralytics", "ultralytics_rows", "ultralytics_rtdetr", "yolov5", "yolox"):
        classes = _stated_classes(evidence, output_format, task, outputs)
        return classes is not None and classes > 0 and (output_format != "ultralytics" or shape[1] < shape[2])
    if output_format == "ultralytics_end2end":
        return shape[-1] == 6 + _extra_columns(evidence, task, outputs)
    return shape[-1] == (7 if "batch" in output_format or output_format == "ssd_rows" else 6)


def _extra_columns(evidence: Evidence, task: Task, outputs: list[Output]) -> int:
    """The columns of a task behind those of box and class."""
    points, values = evidence.facts.get("keypoint_shape") or PERSON_KEYPOINTS
    return {
        Task.INSTANCE_SEGMENTATION: outputs[-1].shape[1],
        Task.POSE: points * values,
        Task.ORIENTED_BOXES: 1,
    }.get(task, 0)


def _stated_classes(evidence: Evidence, output_format: str, task: Task, outputs: list[Output]) -> int | None:
    """The classes that the columns leave beside boxes and what the task adds; None where a column names the class."""
    if output_format in ("yolov5", "yolox"):
        return outputs[0].shape[-1] - 5 - _extra_columns(evidence, task, outputs)
    if output_format in ("ultralytics_rtdetr", "ultralytics_rows"):
        return outputs[0].shape[-1] - 4
    if output_format != "ultralytics":
        return None
    return outputs[0].shape[1] - 4 - _extra_columns(evidence, task, outputs)


def _grid(evidence: Evidence, output: Output) -> Iterator[Interpretation]:
    height, width = evidence.answers.size
    usual, largest, smallest = (
        sum((height // stride) * (width // stride) for stride in strides) for strides in (STRIDES, (64,), (4,))
    )
    counts = {usual, usual + largest, usual + smallest}
    _, first, second = output.shape
    if second in counts and first >= 5:
        yield from _columns_first(evidence, output)
    elif first in {*counts, *(3 * count for count in counts)} and second >= 6:
        yield from _every_cell(evidence, output, anchor_free=first in counts)
    elif first <= MOST_QUERIES and second >= 6:
        yield from _best_rows(evidence, output)


def _columns_first(evidence: Evidence, output: Output) -> Iterator[Interpretation]:
    """Ultralytics' raw output [batch, 4 + classes + extra, cells]."""
    columns = np.concatenate([value[0].T for value in evidence.answers.values(output.name)])
    extra = columns.shape[1] - 4
    prototypes = [o for o in evidence.outputs if len(o.shape) == 4 and o.shape[2] > 8]
    given = evidence.facts.get("task")
    if prototypes and given in (None, Task.INSTANCE_SEGMENTATION.value):
        classes = extra - prototypes[0].shape[1]
        if classes > 0:
            names = (output.name, prototypes[0].name)
            yield _ultralytics(Task.INSTANCE_SEGMENTATION, names, classes)
        return
    points, values = evidence.facts.get("keypoint_shape") or PERSON_KEYPOINTS
    classes = evidence.label_count
    if given == Task.POSE.value and extra <= points * values:
        return
    if given == Task.ORIENTED_BOXES.value or (given is None and classes == extra - 1 and extra > 1):
        yield _ultralytics(Task.ORIENTED_BOXES, (output.name,), extra - 1)
    elif given == Task.POSE.value or (given is None and not is_unit(columns[:, 4:]) and extra == 1 + points * values):
        shape = {"keypoint_shape": (points, values)}
        yield _ultralytics(Task.POSE, (output.name,), extra - points * values, shape)
    elif is_unit(columns[:, 4:]):
        yield _ultralytics(Task.DETECTION, (output.name,), extra)
    elif given is None and is_unit(columns[:, 4:-1]):
        yield _ultralytics(Task.ORIENTED_BOXES, (output.name,), extra - 1)


def _every_cell(evidence: Evidence, output: Output, *, anchor_free: bool) -> Iterator[Interpretation]:
    """A row for each cell: YOLOv5, YOLOv7, YOLOX, and DeepStream's form of any YOLO."""
    table = evidence.rows(output)
    columns = table.shape[1]
    if not is_unit(table[:, 4]):
        return
    prototypes = [o for o in evidence.outputs if len(o.shape) == 4 and o.shape[2] > 8]
    if prototypes and evidence.facts.get("task") in (None, Task.INSTANCE_SEGMENTATION.value):
        yield from _cells_with_masks(table, output, prototypes[0])
        return
    if columns == 6 and anchor_free and is_whole(table[:, 5]):  # no sigmoid is a whole number everywhere
        yield _detection("columns_xyxy_score_class", (output.name,), VALUES, {"first_class": 0})
    elif is_unit(table[:, 5:]):
        # In pixels, some centre is far from the corner; relative to its own cell, none is.
        decoded = table[:, :2].max() > max(evidence.answers.size) / 4
        by_labels = {columns - 4: "ultralytics_rows", columns - 5: "yolov5"}.get(evidence.label_count or 0)
        if decoded and anchor_free and by_labels != "yolov5":
            yield _detection("ultralytics_rows", (output.name,), VALUES, {"first_class": 0}, classes=columns - 4)
            if by_labels:
                return
        output_format = "yolov5" if decoded or not anchor_free else "yolox"
        assumptions = {"channel_order": "BGR", "scale": 1.0, "position": "top_left"} if anchor_free else None
        yield _detection(output_format, (output.name,), VALUES, None, assumptions, classes=columns - 5)


def _cells_with_masks(table: npt.NDArray[Any], output: Output, prototypes: Output) -> Iterator[Interpretation]:
    """YOLOv5's rows with coefficients of masks."""
    classes = table.shape[1] - 5 - prototypes.shape[1]
    if classes > 0 and is_unit(table[:, 5 : 5 + classes]):
        yield Interpretation(
            task=Task.INSTANCE_SEGMENTATION,
            output_format="yolov5",
            outputs=(output.name, prototypes.name),
            source=VALUES,
            classes=classes,
            facts={"first_class": 0},
        )


def _best_rows(evidence: Evidence, output: Output) -> Iterator[Interpretation]:
    """Few rows: detections after suppression, or a transformer's queries."""
    table = evidence.rows(output)
    given = evidence.facts.get("task")
    names = (output.name,)
    if evidence.facts.get("output_format") is None and not np.any(table):
        raise ModelFileError(
            f"expected a detection for a photograph, to read the columns of '{output.name}' {list(output.shape)}, got "
            "none; pass --format ultralytics_end2end if they are x1, y1, x2, y2, score, class"
        )
    of_one_class = table.shape[1] == 6 or not is_unit(table)
    if is_unit(table[:, 4]) and is_whole(table[:, 5]) and (table[:, 5].max() > 1 or of_one_class):
        fraction = _is_fraction(table)
        prototypes = [o for o in evidence.outputs if len(o.shape) == 4]
        if table.shape[1] == 6:
            output_format = "ultralytics_rtdetr_topk" if fraction else "ultralytics_end2end"
            yield _detection(output_format, names, VALUES, {"first_class": 0})
        elif prototypes and given in (None, Task.INSTANCE_SEGMENTATION.value):
            yield _end2end(Task.INSTANCE_SEGMENTATION, (*names, prototypes[0].name))
        elif table.shape[1] == 7 and given in (None, Task.ORIENTED_BOXES.value):
            yield _end2end(Task.ORIENTED_BOXES, names)
        else:
            points, values = evidence.facts.get("keypoint_shape") or PERSON_KEYPOINTS
            if table.shape[1] == 6 + points * values:
                yield _end2end(Task.POSE, names, {"keypoint_shape": (points, values)})
    elif is_unit(table) and output.shape[1] >= FEWEST_QUERIES and not is_softmax(table):  # which text would be
        yield _detection("ultralytics_rtdetr", names, VALUES, {"first_class": 0}, classes=table.shape[1] - 4)


def _table(evidence: Evidence, output: Output) -> Iterator[Interpretation]:
    """Rows of the images of a batch in one table [rows, columns]."""
    if output.batched and all(len(value) == 1 for value in evidence.answers.values(output.name)):
        return
    table = evidence.rows(output)
    wanted = evidence.facts.get("output_format")
    if not len(table):
        if wanted is None:
            raise ModelFileError(
                f"expected a detection for a photograph, to read the columns of '{output.name}' {list(output.shape)}, "
                "got none; pass --format"
            )
        yield _detection(wanted, (output.name,), "--format")
    elif table.shape[1] == 7 and is_whole(table[:, 0]):
        if is_whole(table[:, 5]) and is_unit(table[:, 6]):
            yield _detection("rows_batch_xyxy_class_score", (output.name,), VALUES, {"first_class": 0})
        if is_unit(table[:, 5]) and is_whole(table[:, 6]):
            yield _detection("rows_batch_xyxy_score_class", (output.name,), VALUES, {"first_class": 0})
    elif table.shape[1] == 6 and is_whole(table[:, 0]) and is_unit(table[:, 1]):
        counts = [o.name for o in evidence.outputs if o.integral and len(o.shape) == 1]
        yield _detection("rows_class_score_xyxy", (output.name, *counts[:1]), VALUES, {"first_class": 0})


def _query_format(
    evidence: Evidence, logits: Output, names: tuple[str, ...], task: Task, *, is_rfdetr: bool
) -> Interpretation:
    """Tell softmax with a last class `no object` from sigmoids: by files, by the labels, or by the values."""
    columns, labels = logits.shape[2], evidence.label_count
    activation, wanted = evidence.facts.get("activation"), evidence.facts.get("output_format")
    if task is Task.INSTANCE_SEGMENTATION:
        output_format, source = "detr_masks", NAMES
    elif wanted in ("detr", "detr_sigmoid"):
        output_format, source = wanted, NAMES
    elif activation in ("softmax", "sigmoid"):
        output_format, source = "detr" if activation == "softmax" else "detr_sigmoid", "--activation"
    elif is_rfdetr:
        output_format, source = "detr_sigmoid", NAMES
    elif labels == columns:
        output_format, source = "detr_sigmoid", "graph: one column for each label"
    elif labels == columns - 1:
        output_format, source = "detr", "graph: one column more than labels, for no object"
    else:
        rows = evidence.rows(logits)
        mostly_nothing = float((rows.argmax(axis=1) == columns - 1).mean())
        if mostly_nothing > 0.5:
            output_format, source = "detr", "measured: the last class, no object, leads in most queries"
        elif float(np.median(rows)) < -2 and mostly_nothing < 0.1:
            output_format, source = "detr_sigmoid", "measured: nearly all logits are far below 0"
        else:
            raise ModelFileError(
                f"expected logits of a known activation, got '{logits.name}' {list(logits.shape)}, which fits both; "
                "pass --activation softmax for DETR, YOLOS and table-transformer, or --activation sigmoid for RT-DETR, "
                "D-FINE and deformable DETR"
            )
    classes = columns - 1 if output_format == "detr" or (is_rfdetr and labels == columns - 1) else columns
    return Interpretation(
        task=task,
        output_format=output_format,
        outputs=names,
        source=source,
        classes=classes,
        facts={"first_class": 0, "activation": "softmax" if output_format == "detr" else "sigmoid"},
    )


def _by_shape(evidence: Evidence) -> tuple[Output, Output, Output] | None:
    """Boxes [.., n, 4], labels [.., n] and scores [.., n] of one n."""
    boxes = [o for o in evidence.outputs if o.shape[-1:] == (4,) and len(o.shape) in (2, 3) and not o.integral]
    for candidate in boxes:
        others = [o for o in evidence.outputs if o.shape == candidate.shape[:-1]]
        labels, scores = [o for o in others if o.integral], [o for o in others if not o.integral]
        if len(labels) == len(scores) == 1:
            return candidate, labels[0], scores[0]
    return None


def _is_fraction(boxes: npt.NDArray[Any]) -> bool:
    return bool(boxes.size and boxes[..., :4].max() <= FRACTION_LIMIT)


def _detection(
    output_format: str,
    outputs: tuple[str, ...],
    source: str,
    facts: Mapping[str, Any] | None = None,
    assumptions: Mapping[str, Any] | None = None,
    classes: int | None = None,
) -> Interpretation:
    return Interpretation(
        task=Task.DETECTION,
        output_format=output_format,
        outputs=outputs,
        source=source,
        classes=classes,
        facts=facts,
        assumptions=assumptions,
    )


def _ultralytics(
    task: Task, outputs: tuple[str, ...], classes: int, assumptions: Mapping[str, Any] | None = None
) -> Interpretation:
    return Interpretation(
        task=task,
        output_format="ultralytics",
        outputs=outputs,
        source="graph: a column for each cell of the image",
        classes=classes,
        facts={"first_class": 0},
        assumptions=assumptions,
    )


def _end2end(task: Task, outputs: tuple[str, ...], assumptions: Mapping[str, Any] | None = None) -> Interpretation:
    return Interpretation(
        task=task,
        output_format="ultralytics_end2end",
        outputs=outputs,
        source=VALUES,
        facts={"first_class": 0},
        assumptions=assumptions,
    )
