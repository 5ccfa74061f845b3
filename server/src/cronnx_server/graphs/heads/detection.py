"""Detection, pose and oriented boxes: from a detector's outputs to detections in the photograph's pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from onnx import TensorProto, helper

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.heads import boxes
from cronnx_server.graphs.heads.boxes import Canvas
from cronnx_server.graphs.heads.detection_formats import FORMATS
from cronnx_server.graphs.heads.detection_rows import Rows, read_rows, take
from cronnx_server.graphs.heads.suppression import CLASS_DISTANCE, suppress, suppress_rotated
from cronnx_server.model_spec import ModelSpec, Task

# Suppression looks at this many candidates at most, the best ones, so that no picture makes it slow.
CANDIDATES = 4096
PAIRED_CANDIDATES = 2048  # finding the best among all pairs costs more
ROTATED_CANDIDATES = 512


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The detections of each image, best first; every field is the name of a tensor, n is `max_detections`.

    Attributes:
        valid: Whether a row is a detection, BOOL [batch, n]; the other rows repeat some row of the network.
        score: The score, FP32 [batch, n].
        class_id: The class as an index of the labels, INT64 [batch, n].
        box: Left, top, right and bottom in the network's pixels, FP32 [batch, n, 4]; of oriented boxes, the bounds.
        corners: The corners of oriented boxes in the network's pixels, FP32 [batch, n, 8]; empty for other tasks.
        extras: The columns behind box, score and class, FP32 [batch, n, extras]; empty in formats without.
        source: The row in the network's outputs, INT64 [batch, n]; 0 where a row is no detection.
    """

    valid: str
    score: str
    class_id: str
    box: str
    corners: str
    extras: str
    source: str


def add_detection_head(
    graph: GraphBuilder, tensors: Sequence[str], geometry: str, spec: ModelSpec, *, pixels_shape: str
) -> dict[str, str]:
    """Add what makes detections of a detector's outputs.

    Args:
        graph: The graph.
        tensors: The network's outputs, of any datatype, in the order of `spec.outputs`.
        geometry: FP32 [batch, 6] of width, height, scale x, scale y, pad x and pad y.
        spec: The specification, whose columns `detection_formats.check_columns` has checked.
        pixels_shape: The shape of the network's pixels, INT64 [4] of batch, height, width and 3.

    Returns:
        The tensor of each output of the answer, by its name. Rows past `num_detections` are 0, 0, -1 and "". A class
        past the labels keeps its number and has the label "".
    """
    canvas = Canvas(graph, geometry=geometry, pixels_shape=pixels_shape)
    return detection_answer(graph, keep_detections(graph, tensors, spec, canvas), spec, canvas)


def keep_detections(graph: GraphBuilder, tensors: Sequence[str], spec: ModelSpec, canvas: Canvas) -> Kept:
    """Add what chooses the detections among the rows of a detector's outputs; see `add_detection_head`."""
    return _Selection(graph, spec, canvas).keep(tensors)


def drop(graph: GraphBuilder, kept: Kept, *, stays: str, spec: ModelSpec) -> tuple[Kept, str]:
    """Add what drops detections: Ultralytics, for one, drops those whose mask is empty.

    Args:
        graph: The graph.
        kept: The detections.
        stays: Which of them stay, BOOL [batch, n].
        spec: The specification.

    Returns:
        The remaining detections, best first, and the row that each had before, INT64 [batch, n].
    """
    remaining = graph.op("Where", graph.op("And", kept.valid, stays), kept.score, graph.constant(0))
    score, row = graph.ops("TopK", remaining, graph.ints(spec.max_detections), outputs=2, axis=1)
    class_id, box, corners, extras, source = (
        tensor and take(graph, tensor, row)
        for tensor in (kept.class_id, kept.box, kept.corners, kept.extras, kept.source)
    )
    valid = graph.op("Greater", score, graph.constant(spec.confidence))
    return Kept(
        valid=valid, score=score, class_id=class_id, box=box, corners=corners, extras=extras, source=source
    ), row


def detection_answer(graph: GraphBuilder, kept: Kept, spec: ModelSpec, canvas: Canvas) -> dict[str, str]:
    """Add what makes the answer of the detections; the tensor of each of its outputs, by its name."""

    def valid_or_0(tensor: str) -> str:
        valid = graph.op("Unsqueeze", kept.valid, graph.ints(2))
        return graph.op("Where", valid, tensor, graph.constant(0))

    class_id = graph.op("Where", kept.valid, kept.class_id, graph.ints(-1))
    photo_points = canvas.to_photo(boxes.as_points(graph, kept.box))
    if FORMATS[spec.output_format].clipped:
        photo_points = canvas.clip(photo_points)
    outputs = {
        "num_detections": graph.reduce("ReduceSum", graph.cast(kept.valid, TensorProto.INT32), 1, keepdims=1),
        "box": valid_or_0(boxes.as_boxes(graph, photo_points)),
        "score": graph.op("Where", kept.valid, kept.score, graph.constant(0)),
        "class_id": class_id,
        "label": _label(graph, class_id, spec),
    }
    rows = spec.max_detections
    if spec.task is Task.POSE:
        keypoints = valid_or_0(_keypoints(graph, kept.extras, spec, canvas))
        outputs["keypoints"] = graph.op("Reshape", keypoints, graph.ints(0, rows, spec.keypoint_shape[0], 3))
    if spec.task is Task.ORIENTED_BOXES:
        points = canvas.to_photo(boxes.as_points(graph, kept.corners))
        corners = graph.op("Reshape", points, graph.ints(0, rows, 8))
        outputs["corners"] = graph.op("Reshape", valid_or_0(corners), graph.ints(0, rows, 4, 2))
    return outputs


def _label(graph: GraphBuilder, class_id: str, spec: ModelSpec) -> str:
    return graph.op(
        "LabelEncoder",
        class_id,
        domain="ai.onnx.ml",
        keys_int64s=list(range(len(spec.labels))),
        values_strings=list(spec.labels),
        default_string="",
    )


def _keypoints(graph: GraphBuilder, extras: str, spec: ModelSpec, canvas: Canvas) -> str:
    """Keypoints [batch, n, 3 points] in the photograph's pixels, inside it; points without a visibility have 1."""
    points, values = spec.keypoint_shape
    each = graph.op("Reshape", extras, graph.ints(0, -1, values))
    place = canvas.clip(canvas.to_photo(boxes.columns(graph, each, 0, 2)))
    visibility = boxes.columns(graph, each, values - 1, values)
    if values == 2:
        one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
        visibility = graph.op("ConstantOfShape", graph.op("Shape", visibility), value=one)
    keypoints = graph.op("Concat", place, visibility, axis=2)
    return graph.op("Reshape", keypoints, graph.ints(0, spec.max_detections, 3 * points))


class _Selection:
    def __init__(self, graph: GraphBuilder, spec: ModelSpec, canvas: Canvas) -> None:
        self._graph = graph
        self._spec = spec
        self._canvas = canvas
        self._layout = FORMATS[spec.output_format]
        self._oriented = spec.task is Task.ORIENTED_BOXES

    def keep(self, tensors: Sequence[str]) -> Kept:
        rows = read_rows(self._graph, tensors, self._layout, self._spec, self._canvas)
        rows = self._after_suppression(rows) if self._layout.suppression else rows
        chosen = self._best(rows, self._graph.ints(self._spec.max_detections), padding=self._spec.max_detections)
        box, corners = self._in_pixels(chosen)
        return Kept(
            valid=self._is_over_confidence(chosen.score),
            score=chosen.score,
            class_id=chosen.class_id,
            box=box,
            corners=corners,
            extras=chosen.extras,
            source=chosen.source,
        )

    def _after_suppression(self, rows: Rows) -> Rows:
        """The best candidates, with a score of 0 for those that are dropped."""
        graph, spec = self._graph, self._spec
        if self._layout.pairs:  # the best pairs are among the rows that are the best by their best class
            rows = rows.at(graph, self._top(rows.score, self._number_of_candidates(rows.score))[1])
        rows = self._best(rows, self._number_of_candidates(self._scores(rows)))
        if self._oriented:
            angle = boxes.columns(graph, rows.extras, 0, 1)
            score = suppress_rotated(
                graph,
                box=rows.box,
                angle=angle,
                class_id=rows.class_id,
                score=rows.score,
                spec=spec,
                distance=self._distance(),
            )
        else:
            box, _ = self._in_pixels(rows)
            score = suppress(
                graph, box=box, class_id=rows.class_id, score=rows.score, spec=spec, distance=self._distance()
            )
        return replace(rows, score=score)

    def _distance(self) -> str:
        """How far boxes of neighbouring classes are kept apart, FP32 [1]."""
        graph, canvas = self._graph, self._canvas
        if not self._layout.moved_by_canvas:
            return graph.constant([CLASS_DISTANCE])
        return graph.cast(graph.op("Max", canvas.height, canvas.width), TensorProto.FLOAT)

    def _number_of_candidates(self, scores: str) -> str:
        """How many candidates the image with the most of them has, from 1 to the limit; INT64 [1]."""
        graph = self._graph
        over = graph.cast(self._is_over_confidence(scores), TensorProto.INT32)
        most = graph.op("ReduceMax", graph.reduce("ReduceSum", over, 1), keepdims=1)
        limit = PAIRED_CANDIDATES if self._layout.pairs else CANDIDATES
        limit = ROTATED_CANDIDATES if self._oriented else limit
        most = graph.op("Min", graph.cast(most, TensorProto.INT64), graph.ints(limit))
        return graph.op("Max", most, graph.ints(1))

    def _best(self, rows: Rows, number: str, *, padding: int = 0) -> Rows:
        """The best candidates with their class, best first; those not over the confidence repeat the first row."""
        graph = self._graph
        scores = self._scores(rows)
        if padding:
            zeros = graph.constant(np.zeros((1, padding)))
            images = graph.op("Concat", self._canvas.batch, graph.ints(1), axis=0)
            scores = graph.op("Concat", scores, graph.op("Expand", zeros, images), axis=1)
        score, index = self._top(scores, number)
        index = graph.op("Where", self._is_over_confidence(score), index, graph.ints(0))
        if rows.class_id:
            return replace(rows.at(graph, index), score=score)
        if self._layout.pairs:
            classes = graph.ints(len(self._spec.labels))
            row, class_id = (graph.op(op_type, index, classes) for op_type in ("Div", "Mod"))
            return replace(rows.at(graph, row), score=score, class_id=class_id, class_scores="")
        chosen = rows.at(graph, index)
        class_id = graph.op("ArgMax", chosen.class_scores, axis=2, keepdims=0)
        return replace(chosen, score=score, class_id=class_id, class_scores="")

    def _scores(self, rows: Rows) -> str:
        """The score of each candidate: of each row, or of each class of each row."""
        if self._layout.pairs and rows.class_scores:
            return self._graph.op("Reshape", rows.class_scores, self._graph.ints(0, -1))
        return rows.score

    def _top(self, scores: str, number: str) -> tuple[str, ...]:
        return self._graph.ops("TopK", scores, number, outputs=2, axis=1)

    def _is_over_confidence(self, scores: str) -> str:
        return self._graph.op("Greater", scores, self._graph.constant(self._spec.confidence))

    def _in_pixels(self, rows: Rows) -> tuple[str, str]:
        """The boxes in the network's pixels, and the corners if they are oriented."""
        graph, layout = self._graph, self._layout
        if self._oriented:
            corners = boxes.corners(graph, rows.box, boxes.columns(graph, rows.extras, 0, 1))
            return boxes.bounds(graph, corners), corners
        if layout.box_coding == "yolox":
            box = boxes.from_yolox(graph, rows.box, rows.source, self._canvas)
            return boxes.to_xyxy(graph, box, "cxcywh"), ""
        box = boxes.to_xyxy(graph, rows.box, layout.box_coding)
        if layout.fraction:
            box = boxes.as_boxes(graph, self._canvas.to_pixels(boxes.as_points(graph, box)))
        return box, ""
