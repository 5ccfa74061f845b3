"""Boxes in an ONNX graph: from a network's coding to corners in its pixels, and on to the photograph's pixels."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from onnx import TensorProto

from cronnx_server.graphs.builder import GraphBuilder

YOLOX_STRIDES = (8, 16, 32)


def columns(graph: GraphBuilder, tensor: str, start: int, stop: int) -> str:
    """The columns from `start` up to `stop` of a tensor's last axis."""
    return graph.op("Slice", tensor, graph.ints(start), graph.ints(stop), graph.ints(-1))


class Canvas:
    """The network's image, and where the photograph lies on it.

    Attributes:
        batch: The number of images, INT64 [1].
        height: The height of the network's image in pixels, INT64 [1].
        width: The width of the network's image in pixels, INT64 [1].
    """

    def __init__(self, graph: GraphBuilder, *, geometry: str, pixels_shape: str) -> None:
        """Read the geometry FP32 [batch, 6] and the shape of the pixels, INT64 [4] of batch, height, width, 3."""
        self.batch, self.height, self.width = (
            graph.op("Slice", pixels_shape, graph.ints(axis), graph.ints(axis + 1)) for axis in range(3)
        )
        self._graph = graph
        self._geometry = geometry

    def to_pixels(self, points: str) -> str:
        """Points in fractions of the network's image, x and y [..., 2], in its pixels."""
        size = self._graph.op("Concat", self.width, self.height, axis=0)
        return self._graph.op("Mul", points, self._graph.cast(size, TensorProto.FLOAT))

    def to_photo(self, points: str) -> str:
        """Points in the network's pixels, x and y [batch, n, 2], in the photograph's pixels."""
        graph = self._graph
        moved = graph.op("Sub", points, self._part_of_geometry(4))
        return graph.op("Div", moved, self._part_of_geometry(2))

    def clip(self, points: str) -> str:
        """Points in the photograph's pixels, x and y [batch, n, 2], moved inside it."""
        graph = self._graph
        return graph.op("Max", graph.op("Min", points, self._part_of_geometry(0)), graph.constant(0))

    def _part_of_geometry(self, start: int) -> str:
        part = columns(self._graph, self._geometry, start, start + 2)
        return self._graph.op("Unsqueeze", part, self._graph.ints(1))


def as_points(graph: GraphBuilder, tensor: str) -> str:
    """Pairs of x and y [batch, n, 2m] as [batch, n m, 2]."""
    return graph.op("Reshape", tensor, graph.ints(0, -1, 2))


def as_boxes(graph: GraphBuilder, points: str) -> str:
    """The two corners of each box [batch, 2n, 2] as [batch, n, 4]."""
    return graph.op("Reshape", points, graph.ints(0, -1, 4))


def to_xyxy(graph: GraphBuilder, box: str, coding: str) -> str:
    """Boxes [batch, n, 4] of a coding as left, top, right, bottom."""
    if coding == "xyxy":
        return box
    if coding == "yxyx":
        return graph.op("Gather", box, graph.ints(1, 0, 3, 2), axis=2)
    centre = columns(graph, box, 0, 2)
    half = graph.op("Mul", columns(graph, box, 2, 4), graph.constant(0.5))
    return graph.op("Concat", graph.op("Sub", centre, half), graph.op("Add", centre, half), axis=2)


def from_yolox(graph: GraphBuilder, box: str, row: str, canvas: Canvas) -> str:
    """YOLOX's boxes [batch, n, 4] as centre and size in pixels.

    The rows of a network's output go through the cells of one grid after another, line by line.

    Args:
        graph: The graph.
        box: The offset of the centre from the cell, and the logarithm of the size, both in strides.
        row: The row of each box in the network's output, INT64 [batch, n].
        canvas: The network's image.
    """
    grid_start, stride = graph.ints(0), graph.ints(YOLOX_STRIDES[0])
    next_start = grid_start
    for finer, coarser in pairwise(YOLOX_STRIDES):
        next_start = graph.op("Add", next_start, _cells(graph, canvas, finer))
        coarse = graph.op("GreaterOrEqual", row, next_start)
        grid_start = graph.op("Where", coarse, next_start, grid_start)
        stride = graph.op("Where", coarse, graph.ints(coarser), stride)
    cell = graph.op("Sub", row, grid_start)
    across = graph.op("Div", canvas.width, stride)
    last = graph.ints(-1)
    position = [graph.op(op_type, cell, across) for op_type in ("Mod", "Div")]
    grid = graph.op("Concat", *(graph.op("Unsqueeze", each, last) for each in position), axis=2)
    scale = graph.cast(graph.op("Unsqueeze", stride, last), TensorProto.FLOAT)
    centre = graph.op("Add", columns(graph, box, 0, 2), graph.cast(grid, TensorProto.FLOAT))
    size = graph.op("Exp", columns(graph, box, 2, 4))
    return graph.op("Mul", graph.op("Concat", centre, size, axis=2), scale)


def _cells(graph: GraphBuilder, canvas: Canvas, stride: int) -> str:
    sides = [graph.op("Div", side, graph.ints(stride)) for side in (canvas.height, canvas.width)]
    return graph.op("Mul", *sides)


def corners(graph: GraphBuilder, box: str, angle: str) -> str:
    """The four corners [batch, n, 8] of rotated boxes, in the order of Ultralytics' `OBB.xyxyxyxy`.

    Args:
        graph: The graph.
        box: Centre and size [batch, n, 4].
        angle: The angle in radians [batch, n, 1].
    """
    centre, (width, height) = columns(graph, box, 0, 2), (columns(graph, box, side, side + 1) for side in (2, 3))
    # Ultralytics names the longer side the width first (ops.regularize_rboxes), which sets the order of the corners.
    wide = graph.op("Greater", width, height)
    turned = graph.op("Where", wide, angle, graph.op("Add", angle, graph.constant(math.pi / 2)))
    half_turns = graph.op("Floor", graph.op("Div", turned, graph.constant(math.pi)))
    angle = graph.op("Sub", turned, graph.op("Mul", half_turns, graph.constant(math.pi)))
    along = graph.op("Mul", graph.op("Max", width, height), graph.constant(0.5))
    across = graph.op("Mul", graph.op("Min", width, height), graph.constant(0.5))
    direction = graph.op("Concat", graph.op("Cos", angle), graph.op("Sin", angle), axis=2)
    normal = graph.op("Concat", graph.op("Neg", graph.op("Sin", angle)), graph.op("Cos", angle), axis=2)
    first, second = graph.op("Mul", direction, along), graph.op("Mul", normal, across)
    ahead, behind = graph.op("Add", centre, first), graph.op("Sub", centre, first)
    points = [
        graph.op("Add", ahead, second),
        graph.op("Sub", ahead, second),
        graph.op("Sub", behind, second),
        graph.op("Add", behind, second),
    ]
    return graph.op("Concat", *points, axis=2)


def bounds(graph: GraphBuilder, corners: str) -> str:
    """The upright boxes [batch, n, 4] around four corners [batch, n, 8]."""
    x, y = (graph.op("Gather", corners, graph.constant(np.arange(axis, 8, 2), np.int64), axis=2) for axis in (0, 1))
    sides = [graph.reduce(op_type, axis, 2, keepdims=1) for op_type in ("ReduceMin", "ReduceMax") for axis in (x, y)]
    return graph.op("Concat", *sides, axis=2)
