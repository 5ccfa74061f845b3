"""Non-maximum suppression in an ONNX graph: of boxes that overlap, only the best of a class stays.

Both forms answer as Ultralytics' `non_max_suppression` does. Each takes candidates that are sorted, best first, and
gives their scores back with 0 for those that are dropped.
"""

from __future__ import annotations

import math

import numpy as np
from onnx import TensorProto

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.heads.boxes import columns
from cronnx_server.model_spec import ModelSpec

# Boxes of two classes do not overlap: each class is moved by Ultralytics' `max_wh`. FP32 rounds moved boxes as there.
CLASS_OFFSET = 7680
# Ultralytics' `eps` of probiou.
EPSILON = 1e-7


def suppress(graph: GraphBuilder, *, box: str, class_id: str, score: str, spec: ModelSpec) -> str:
    """Suppress greedily: a box is dropped if it overlaps a better one that stays.

    Args:
        graph: The graph.
        box: Left, top, right and bottom in pixels, FP32 [batch, n, 4].
        class_id: INT64 [batch, n].
        score: FP32 [batch, n].
        spec: The specification, for its thresholds and its number of detections.

    Returns:
        The scores FP32 [batch, n], 0 for what is dropped.
    """
    selected = graph.op(
        "NonMaxSuppression",
        graph.op("Add", box, _offset(graph, class_id)),
        graph.op("Unsqueeze", score, graph.ints(1)),
        graph.ints(spec.max_detections),
        graph.constant([spec.iou]),
        graph.constant([spec.confidence]),
    )
    places = graph.op("Gather", selected, graph.ints(0, 2), axis=1)
    zeros = graph.op("ConstantOfShape", graph.op("Shape", score))
    return graph.op("ScatterND", zeros, places, graph.op("GatherND", score, places))


def suppress_rotated(graph: GraphBuilder, *, box: str, angle: str, class_id: str, score: str, spec: ModelSpec) -> str:
    """Suppress rotated boxes: one is dropped if it overlaps any better one, whether that stays or not.

    The overlap is `probiou`, the similarity of two Gaussians (Ultralytics, utils/metrics.py; arXiv 2106.06072).

    Args:
        graph: The graph.
        box: Centre and size in pixels, FP32 [batch, n, 4].
        angle: In radians, FP32 [batch, n, 1].
        class_id: INT64 [batch, n].
        score: FP32 [batch, n].
        spec: The specification, for its overlap.

    Returns:
        The scores FP32 [batch, n], 0 for what is dropped.
    """
    centre = graph.op("Add", columns(graph, box, 0, 2), _offset(graph, class_id))
    distance = _distances(graph, centre, *_covariance(graph, columns(graph, box, 2, 4), angle))
    index = graph.op("Shape", score, start=1, end=2)
    row = graph.op("Range", graph.constant(0, np.int64), graph.op("Squeeze", index), graph.constant(1, np.int64))
    better = graph.op("Less", graph.op("Unsqueeze", row, graph.ints(1)), row)
    of_better = graph.op("Where", better, distance, graph.constant(math.inf))
    nearest = graph.reduce("ReduceMin", of_better, 1)
    # probiou >= iou, with probiou = 1 - sqrt(1 - exp(-distance) + EPSILON)
    farthest = -math.log(max(1 + EPSILON - (1 - spec.iou) ** 2, EPSILON))
    stays = graph.op("Greater", nearest, graph.constant(farthest))
    return graph.op("Where", stays, score, graph.constant(0))


def _offset(graph: GraphBuilder, class_id: str) -> str:
    offset = graph.op("Mul", graph.cast(class_id, TensorProto.FLOAT), graph.constant(CLASS_OFFSET))
    return graph.op("Unsqueeze", offset, graph.ints(2))


def _covariance(graph: GraphBuilder, size: str, angle: str) -> tuple[str, str, str]:
    """The covariances a, b, c [batch, n, 1] of rotated boxes as Gaussians."""
    variance = graph.op("Div", graph.op("Mul", size, size), graph.constant(12))
    along, across = (columns(graph, variance, side, side + 1) for side in (0, 1))
    cosine, sine = graph.op("Cos", angle), graph.op("Sin", angle)
    squares = [graph.op("Mul", each, each) for each in (cosine, sine)]
    a = graph.op("Add", graph.op("Mul", along, squares[0]), graph.op("Mul", across, squares[1]))
    b = graph.op("Add", graph.op("Mul", along, squares[1]), graph.op("Mul", across, squares[0]))
    c = graph.op("Mul", graph.op("Mul", graph.op("Sub", along, across), cosine), sine)
    return a, b, c


def _distances(graph: GraphBuilder, centre: str, a: str, b: str, c: str) -> str:
    """The Bhattacharyya distance of each pair of boxes, FP32 [batch, n, n]."""
    across = {each: graph.op("Transpose", each, perm=(0, 2, 1)) for each in (a, b, c)}
    sum_a, sum_b, sum_c = (graph.op("Add", each, across[each]) for each in (a, b, c))
    x, y = (columns(graph, centre, axis, axis + 1) for axis in (0, 1))
    apart_x = graph.op("Sub", graph.op("Transpose", x, perm=(0, 2, 1)), x)
    apart_y = graph.op("Sub", y, graph.op("Transpose", y, perm=(0, 2, 1)))
    cross = graph.op("Mul", graph.op("Mul", sum_c, apart_x), graph.constant(2))
    skewed = graph.op("Mul", graph.op("Add", graph.op("Mul", sum_a, apart_y), cross), apart_y)
    straight = graph.op("Mul", graph.op("Mul", sum_b, apart_x), apart_x)
    determinant = graph.op("Sub", graph.op("Mul", sum_a, sum_b), graph.op("Mul", sum_c, sum_c))
    determinant = graph.op("Add", determinant, graph.constant(EPSILON))
    offset = graph.op("Div", graph.op("Add", skewed, straight), graph.op("Mul", determinant, graph.constant(4)))
    own = graph.op("Sub", graph.op("Mul", a, b), graph.op("Mul", c, c))
    root = graph.op("Sqrt", graph.op("Max", own, graph.constant(0)))
    roots = graph.op("Mul", root, graph.op("Transpose", graph.op("Mul", root, graph.constant(4)), perm=(0, 2, 1)))
    ratio = graph.op("Div", determinant, graph.op("Add", roots, graph.constant(EPSILON)))
    return graph.op("Add", offset, graph.op("Mul", graph.op("Log", ratio), graph.constant(0.5)))
