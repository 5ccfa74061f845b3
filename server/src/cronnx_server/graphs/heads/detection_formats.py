"""The layouts in which exported detectors give their boxes, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

from cronnx_server.model_spec import ModelSpec, Task


class Columns(NamedTuple):
    """Where a quantity stands in the network's outputs.

    Attributes:
        tensor: The output, by its place in the specification's `outputs`.
        start: The first column, counted from 0.
    """

    tensor: int
    start: int = 0


_FIRST = Columns(0)


@dataclass(frozen=True, kw_only=True)
class DetectionFormat:
    """A layout of a detector's outputs, each read as [batch, rows, columns].

    A row is one box. Its score is either given, together with its class, or the best of its class scores.

    Attributes:
        box: The four columns of the box.
        widths: For each output, its number of columns if the format fixes it; other shapes are reshaped to it. None
            where the output has three dimensions anyway.
        box_coding: `xyxy` (left, top, right, bottom), `yxyx`, `cxcywh` (centre and size) or `yolox` (offset from a grid
            cell and logarithm of the size, in strides of 8, 16 and 32). Oriented boxes are `cxcywh` in every format.
        fraction: Whether boxes are fractions of the network's image rather than its pixels.
        score: The score of a row, where it is given.
        class_id: The class of a row, where it is given.
        class_scores: The first of the columns with one score for each class, where score and class are not given.
        objectness: What each class score is multiplied by.
        extras: Whether columns follow those of box, score and class: keypoints, an angle or coefficients of a mask.
        activation: What makes scores of the class scores: `softmax` or `sigmoid`; empty if the specification says so.
        columns_first: Whether the output is [batch, columns, rows].
        pairs: Whether each class of each row may become a detection, rather than its best class only.
        suppression: Whether boxes that overlap a better one of their class are still to be dropped.
        clipped: Whether boxes end at the photograph's edges; Transformers leaves them as they are.
        moved_by_canvas: Whether suppression keeps classes apart by the size of the network's image, as suppression
            inside an exported graph does; boxes that stick out of the image then meet those of other classes.
        image: The column with the number of the image of a row, where the rows of all images are in one table.
        shared: Whether the rows of all images are in one table.
        count: The output that counts the rows of each image, read where the specification names it.
    """

    box: Columns
    widths: tuple[int | None, ...] = (None,)
    box_coding: str = "xyxy"
    fraction: bool = False
    score: Columns | None = None
    class_id: Columns | None = None
    class_scores: Columns = _FIRST
    objectness: Columns | None = None
    extras: bool = False
    activation: str = ""
    columns_first: bool = False
    pairs: bool = False
    suppression: bool = False
    clipped: bool = True
    moved_by_canvas: bool = False
    image: Columns | None = None
    shared: bool = False
    count: int | None = None


def _table(box: int, score: int, class_id: int, *, width: int, image: int | None = None) -> DetectionFormat:
    """Rows of all images in one table [rows, width]."""
    return DetectionFormat(
        widths=(width, 1),
        box=Columns(0, box),
        score=Columns(0, score),
        class_id=Columns(0, class_id),
        image=None if image is None else Columns(0, image),
        shared=True,
        count=1,
    )


_ULTRALYTICS = DetectionFormat(
    box=_FIRST, box_coding="cxcywh", class_scores=Columns(0, 4), extras=True, columns_first=True, suppression=True
)
_RTDETR = DetectionFormat(box=_FIRST, box_coding="cxcywh", fraction=True, class_scores=Columns(0, 4))
_SCORE_CLASS = DetectionFormat(box=_FIRST, score=Columns(0, 4), class_id=Columns(0, 5), extras=True)
_YOLOV5 = DetectionFormat(
    box=_FIRST, box_coding="cxcywh", objectness=Columns(0, 4), class_scores=Columns(0, 5), extras=True, suppression=True
)
_BOXES_SCORES = DetectionFormat(box=_FIRST, widths=(4, None), class_scores=Columns(1), pairs=True, suppression=True)
_COUNTED = DetectionFormat(widths=(1, 4, 1, 1), box=Columns(1), score=Columns(2), class_id=Columns(3), count=0)
_DETR = DetectionFormat(
    widths=(None, 4), box=Columns(1), box_coding="cxcywh", fraction=True, activation="softmax", clipped=False
)
_BOXES_LABELS_SCORES = DetectionFormat(box=_FIRST, widths=(4, 1, 1), class_id=Columns(1), score=Columns(2))

# Where keypoints, an angle or coefficients start behind a given score and class.
_EXTRAS_START = 6

FORMATS = MappingProxyType(
    {
        "ultralytics": _ULTRALYTICS,
        "ultralytics_rows": replace(_ULTRALYTICS, columns_first=False),
        "ultralytics_end2end": _SCORE_CLASS,
        "ultralytics_rtdetr": _RTDETR,
        "ultralytics_rtdetr_topk": replace(_SCORE_CLASS, extras=False, box_coding="cxcywh", fraction=True),
        "yolov5": _YOLOV5,
        "ultralytics_nms": replace(_ULTRALYTICS, moved_by_canvas=True),
        "yolov5_nms": replace(_YOLOV5, moved_by_canvas=True),
        "yolox": replace(_YOLOV5, box_coding="yolox"),
        "boxes_scores": _BOXES_SCORES,
        "boxes_scores_fraction": replace(_BOXES_SCORES, fraction=True),
        "columns_xyxy_score_class": replace(_SCORE_CLASS, extras=False, suppression=True),
        "counted": _COUNTED,
        "counted_tf": replace(_COUNTED, box_coding="yxyx", fraction=True),
        "rows_batch_xyxy_class_score": _table(box=1, class_id=5, score=6, width=7, image=0),
        "rows_batch_xyxy_score_class": _table(box=1, score=5, class_id=6, width=7, image=0),
        "rows_class_score_xyxy": _table(class_id=0, score=1, box=2, width=6),
        "ssd_rows": replace(_table(class_id=1, score=2, box=3, width=7, image=0), fraction=True),
        "detr": _DETR,
        "detr_sigmoid": replace(_DETR, activation="sigmoid", pairs=True),
        "boxes_labels_scores": _BOXES_LABELS_SCORES,
        "boxes_labels_scores_fraction": replace(_BOXES_LABELS_SCORES, fraction=True),
        "dets_labels": DetectionFormat(box=_FIRST, widths=(5, 1), score=Columns(0, 4), class_id=Columns(1)),
    }
)
"""Every format by its name, the `output_format` of a specification."""


def check_columns(spec: ModelSpec, shapes: Sequence[Sequence[int | None]]) -> None:
    """Check that a detector's outputs have the columns of its specification.

    Args:
        spec: The specification.
        shapes: The shapes of the outputs, in the order of the specification; None where a dimension is variable.

    Raises:
        ValueError: An output has another number of columns: there are more or fewer classes than labels, or other
            keypoints, or another format.
    """
    layout = FORMATS[spec.output_format]
    given = layout.score is not None
    place = _FIRST if given else layout.class_scores
    if given and not layout.extras:
        return
    expected = _EXTRAS_START if given else place.start + spec.first_class + len(spec.labels)
    expected += layout.activation == "softmax"  # the column of no object
    if layout.extras:
        points, values = spec.keypoint_shape
        expected += {Task.POSE: points * values, Task.ORIENTED_BOXES: 1}.get(spec.task, 0)
    columns = shapes[place.tensor][1 if layout.columns_first else -1]
    # RF-DETR has a column of no object or not; the coefficients of a mask are of any number.
    if columns in (None, expected) or (columns == expected + 1 and layout.activation == "sigmoid"):
        return
    if spec.task is Task.INSTANCE_SEGMENTATION and layout.extras and columns and columns > expected:
        return
    raise ValueError(
        f"expected {expected} columns in the output '{spec.outputs[place.tensor]}' for {len(spec.labels)} labels and "
        f"the format {spec.output_format}, got {columns}; give --labels or --format"
    )
