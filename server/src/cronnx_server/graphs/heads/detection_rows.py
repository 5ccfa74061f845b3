"""A detector's outputs as rows, one for each box, whatever the exporter's layout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.heads.boxes import Canvas, columns
from cronnx_server.graphs.heads.detection_formats import Columns, DetectionFormat
from cronnx_server.model_spec import ModelSpec, Task

_TO_THE_END = np.iinfo(np.int64).max
_TASKS_WITH_EXTRAS = (Task.POSE, Task.ORIENTED_BOXES, Task.INSTANCE_SEGMENTATION)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Boxes and what is known of each; every field is the name of a tensor.

    Attributes:
        box: Four columns in the network's coding, FP32 [batch, n, 4].
        score: The score, or the best of the class scores, FP32 [batch, n]; below 0 in a row without a box.
        class_id: The class as an index of the labels, INT64 [batch, n]; empty until it is known.
        class_scores: One score for each label, FP32 [batch, n, classes]; empty where the class is given.
        extras: The columns behind box, score and class, FP32 [batch, n, extras]; empty in formats without.
        source: The row in the network's output, INT64 [batch, n]; empty as long as it is the row here.
    """

    box: str
    score: str
    class_id: str = ""
    class_scores: str = ""
    extras: str = ""
    source: str = ""

    def at(self, graph: GraphBuilder, index: str) -> Rows:
        """The rows of these indices, INT64 [batch, m]."""
        box, score, class_id, class_scores, extras, source = (
            tensor and take(graph, tensor, index)
            for tensor in (self.box, self.score, self.class_id, self.class_scores, self.extras, self.source)
        )
        return Rows(
            box=box,
            score=score,
            class_id=class_id,
            class_scores=class_scores,
            extras=extras,
            source=source or index,
        )


def take(graph: GraphBuilder, tensor: str, index: str) -> str:
    """The rows of a tensor [batch, n, ...] that have these indices, INT64 [batch, m]."""
    return graph.op("GatherND", tensor, graph.op("Unsqueeze", index, graph.ints(-1)), batch_dims=1)


def read_rows(
    graph: GraphBuilder, tensors: Sequence[str], layout: DetectionFormat, spec: ModelSpec, canvas: Canvas
) -> Rows:
    """Read the outputs of a network.

    Args:
        graph: The graph.
        tensors: The outputs, of any datatype, in the order of the specification.
        layout: The layout of the outputs.
        spec: The specification.
        canvas: The network's image.
    """
    reader = _Reader(graph, tensors, layout, spec, canvas)
    if layout.score and layout.class_id:
        return reader.scored_rows(layout.score, layout.class_id)
    return reader.class_scored_rows(layout.class_scores)


class _Reader:
    def __init__(
        self, graph: GraphBuilder, tensors: Sequence[str], layout: DetectionFormat, spec: ModelSpec, canvas: Canvas
    ) -> None:
        self._graph = graph
        self._layout = layout
        self._spec = spec
        self._canvas = canvas
        self._tensors = tensors
        self._tables = [
            "" if index == layout.count else self._table(tensor, layout.widths[index])
            for index, tensor in enumerate(tensors)
        ]

    def scored_rows(self, score_place: Columns, class_place: Columns) -> Rows:
        """Rows whose score and class are given."""
        graph = self._graph
        number = graph.cast(self._column(class_place), TensorProto.INT64)
        class_id = graph.op("Sub", number, graph.ints(self._spec.first_class))
        score, none = self._column(score_place), graph.constant(-1)
        for is_box in self._conditions(class_id):
            score = graph.op("Where", is_box, score, none)
        end = max(score_place.start, class_place.start) + 1
        extras = self._extras(end)
        return Rows(box=self._columns(self._layout.box, 4), score=score, class_id=class_id, extras=extras)

    def class_scored_rows(self, place: Columns) -> Rows:
        """Rows with a score for each class."""
        end = place.start + self._spec.first_class + len(self._spec.labels)
        scores = self._class_scores(place)
        extras = self._extras(end)
        best = self._graph.reduce("ReduceMax", scores, 2)
        return Rows(box=self._columns(self._layout.box, 4), score=best, class_scores=scores, extras=extras)

    def _extras(self, start: int) -> str:
        wanted = self._layout.extras and self._spec.task in _TASKS_WITH_EXTRAS
        return self._columns(Columns(0, start)) if wanted else ""

    def _class_scores(self, place: Columns) -> str:
        graph, first, classes = self._graph, self._spec.first_class, len(self._spec.labels)
        activation = self._layout.activation or self._spec.activation
        if activation == "softmax":
            every_score = graph.op("Softmax", self._columns(place), axis=2)
            return columns(graph, every_score, first, first + classes)
        scores = self._columns(Columns(place.tensor, place.start + first), classes)
        if activation == "sigmoid":
            scores = graph.op("Sigmoid", scores)
        if self._layout.objectness:
            scores = graph.op("Mul", scores, self._columns(self._layout.objectness, 1))
        return scores

    def _table(self, tensor: str, width: int | None) -> str:
        """An output as FP32 [batch, rows, columns]; [1, rows, columns] where all images share one table."""
        graph, layout = self._graph, self._layout
        table = graph.cast(tensor, TensorProto.FLOAT)
        if layout.columns_first:
            table = graph.op("Transpose", table, perm=(0, 2, 1))
        if width:
            images = graph.ints(1) if layout.shared else self._canvas.batch
            table = graph.op("Reshape", table, graph.op("Concat", images, graph.ints(-1, width), axis=0))
        if layout.score:
            table = self._with_row_of_zeros(table)
        if layout.shared:
            table = graph.op("Expand", table, graph.op("Concat", self._canvas.batch, graph.ints(1, 1), axis=0))
        return table

    def _with_row_of_zeros(self, table: str) -> str:
        """Where rows are what an exporter found, there may be none; a row of score 0 is always there to be read."""
        graph = self._graph
        one_row = [graph.op("Shape", table, start=axis, end=axis + 1) for axis in (0, 2)]
        shape = graph.op("Concat", one_row[0], graph.ints(1), one_row[1], axis=0)
        return graph.op("Concat", table, graph.op("ConstantOfShape", shape), axis=1)

    def _columns(self, place: Columns, width: int | None = None) -> str:
        """Some columns of an output; without a width, all from the first one."""
        table = self._tables[place.tensor]
        if place.start == 0 and width in (None, self._layout.widths[place.tensor]):
            return table
        return columns(self._graph, table, place.start, place.start + width if width else _TO_THE_END)

    def _column(self, place: Columns) -> str:
        return self._graph.op("Squeeze", self._columns(place, 1), self._graph.ints(2))

    def _conditions(self, class_id: str) -> Iterator[str]:
        """What is true of each row [batch, rows] that is a box of the image."""
        graph, layout = self._graph, self._layout
        yield graph.op("GreaterOrEqual", class_id, graph.ints(0))
        if layout.image:
            image = graph.cast(self._column(layout.image), TensorProto.INT64)
            images = graph.op("Unsqueeze", self._range(self._canvas.batch), graph.ints(1))
            yield graph.op("Equal", image, images)
        elif layout.count is not None and layout.count < len(self._tensors):
            yield from self._counted(class_id, self._tensors[layout.count])

    def _counted(self, class_id: str, count: str) -> Iterator[str]:
        graph = self._graph
        row = self._range(graph.op("Shape", class_id, start=1, end=2))
        counts = graph.op("Reshape", graph.cast(count, TensorProto.INT64), graph.ints(-1, 1))
        end = counts
        if self._layout.shared:
            end = graph.op("CumSum", counts, graph.constant(0, np.int64))
            yield graph.op("GreaterOrEqual", row, graph.op("Sub", end, counts))
        yield graph.op("Less", row, end)

    def _range(self, stop: str) -> str:
        graph = self._graph
        scalars = (graph.constant(0, np.int64), graph.op("Squeeze", stop), graph.constant(1, np.int64))
        return graph.op("Range", *scalars)
