"""Non-maximum suppression in an ONNX graph: of boxes that overlap, only the best of a class stays.

Both forms answer as Ultralytics' `non_max_suppression` does. Each takes candidates that are sorted, best first, and
gives their scores back with 0 for those that are dropped.
"""

from __future__ import annotations

import numpy as np
from onnx import GraphProto, TensorProto, helper

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.heads.boxes import columns
from cronnx_server.model_spec import ModelSpec

# Boxes of two classes do not overlap: each class is moved by Ultralytics' `max_wh`. FP32 rounds moved boxes as there.
CLASS_DISTANCE = 7680
# The candidates that are suppressed at a time, and the pairs of boxes that are compared for an image, about 3 ms.
BLOCK = 512
PAIRS = 400_000
# The names in the body of a loop differ from those around it.
_BODY = "suppression/"
# Ultralytics' `eps` of probiou.
EPSILON = 1e-7


def suppress(graph: GraphBuilder, *, box: str, class_id: str, score: str, spec: ModelSpec, distance: str) -> str:
    """Suppress greedily: a box is dropped if it overlaps a better one that stays.

    Block by block, best first, until the detections are complete, or have been compared with enough candidates: a
    candidate is compared with every box that stays, which a picture made for it would make slow.

    Args:
        graph: The graph.
        box: Left, top, right and bottom in pixels, FP32 [batch, n, 4].
        class_id: INT64 [batch, n].
        score: FP32 [batch, n].
        spec: The specification, for its thresholds and its number of detections.
        distance: How far the boxes of a class are moved from those of the class before it, in pixels, FP32 [1].

    Returns:
        The scores of the first m candidates, those that were looked at, FP32 [batch, m]; 0 for what is dropped.
    """
    moved = graph.op("Add", box, _offset(graph, class_id, distance))
    none = graph.op("Slice", score, graph.ints(0), graph.ints(0), graph.ints(1))
    body = _next_block(moved, score, spec, opset=graph.opset)
    begin = graph.constant(True, np.bool_)
    kept, _ = graph.ops("Loop", "", begin, none, graph.ints(0), outputs=2, body=body)
    return kept


def _next_block(box: str, score: str, spec: ModelSpec, *, opset: int) -> GraphProto:
    """Suppress the next block of candidates together with the boxes that stayed of those before."""
    graph = GraphBuilder(_BODY, opset=opset)
    start = graph.op("Shape", f"{_BODY}kept", start=1, end=2)
    block = graph.op("Slice", score, start, graph.op("Add", start, graph.ints(BLOCK)), graph.ints(1))
    scores = graph.op("Concat", f"{_BODY}kept", block, axis=1)
    end = graph.op("Shape", scores, start=1, end=2)
    selected = graph.op(
        "NonMaxSuppression",
        graph.op("Slice", box, graph.ints(0), end, graph.ints(1)),
        graph.op("Unsqueeze", scores, graph.ints(1)),
        graph.ints(spec.max_detections),
        graph.constant([spec.iou]),
        graph.constant([spec.confidence]),
    )
    places = graph.op("Gather", selected, graph.ints(0, 2), axis=1)
    zeros = graph.op("ConstantOfShape", graph.op("Shape", scores))
    kept = graph.op("ScatterND", zeros, places, graph.op("GatherND", scores, places))
    images, count = graph.op("Shape", score, start=0, end=1), graph.op("Shape", selected, start=0, end=1)
    pairs = graph.op("Add", f"{_BODY}pairs", graph.op("Mul", count, graph.ints(BLOCK)))
    limits = [
        (end, graph.op("Shape", score, start=1, end=2)),
        (count, graph.op("Mul", images, graph.ints(spec.max_detections))),
        (pairs, graph.op("Mul", images, graph.ints(PAIRS))),
    ]
    below = [graph.op("Less", value, limit) for value, limit in limits]
    goes_on = graph.op("Squeeze", graph.op("And", graph.op("And", below[0], below[1]), below[2]))
    tensor = helper.make_tensor_value_info
    return helper.make_graph(
        graph.nodes,
        "suppress_next_block",
        [
            tensor(f"{_BODY}iteration", TensorProto.INT64, []),
            tensor(f"{_BODY}condition", TensorProto.BOOL, []),
            tensor(f"{_BODY}kept", TensorProto.FLOAT, [None, None]),
            tensor(f"{_BODY}pairs", TensorProto.INT64, [1]),
        ],
        [
            tensor(goes_on, TensorProto.BOOL, []),
            tensor(kept, TensorProto.FLOAT, [None, None]),
            tensor(pairs, TensorProto.INT64, [1]),
        ],
        graph.constants,
    )


def suppress_rotated(
    graph: GraphBuilder, *, box: str, angle: str, class_id: str, score: str, spec: ModelSpec, distance: str
) -> str:
    """Suppress rotated boxes: one is dropped if it overlaps any better one, whether that stays or not.

    The overlap is `probiou`, the similarity of two Gaussians (Ultralytics, utils/metrics.py; arXiv 2106.06072).

    Args:
        graph: The graph.
        box: Centre and size in pixels, FP32 [batch, n, 4].
        angle: In radians, FP32 [batch, n, 1].
        class_id: INT64 [batch, n].
        score: FP32 [batch, n].
        spec: The specification, for its overlap.
        distance: How far the boxes of a class are moved from those of the class before it, in pixels, FP32 [1].

    Returns:
        The scores FP32 [batch, n], 0 for what is dropped.
    """
    centre = graph.op("Add", columns(graph, box, 0, 2), _offset(graph, class_id, distance))
    similarity = _similarity_to_better(graph, centre, _covariance(graph, columns(graph, box, 2, 4), angle))
    # probiou < iou, with probiou = 1 - sqrt(1 - sqrt(similarity) + EPSILON)
    least = max(1 + EPSILON - (1 - spec.iou) ** 2, 0) ** 2
    stays = graph.op("Less", similarity, graph.constant(least))
    return graph.op("Where", stays, score, graph.constant(0))


def _offset(graph: GraphBuilder, class_id: str, distance: str) -> str:
    """What moves the boxes of each class away from those of others, FP32 [batch, n, 1]."""
    return graph.op("Unsqueeze", graph.op("Mul", graph.cast(class_id, TensorProto.FLOAT), distance), graph.ints(2))


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


def _similarity_to_better(graph: GraphBuilder, centre: str, covariance: tuple[str, str, str]) -> str:
    """The largest similarity of each box to one before it, FP32 [batch, n]: the square of Bhattacharyya's coefficient.

    For covariances of determinants d and e, whose sum has the determinant f, it is `4 sqrt(d e) / f * exp(-q / 2f)`,
    where q is a quadratic form of the way between the centres. The form without a logarithm is the fastest.
    """
    a, b, c = covariance
    determinant = graph.op("Sub", graph.op("Mul", a, b), graph.op("Mul", c, c))
    root = graph.op("Mul", graph.op("Sqrt", graph.op("Max", determinant, graph.constant(0))), graph.constant(2))
    determinants = _determinants(graph, covariance, determinant)
    exponents = graph.op("Div", _quadratic_forms(graph, centre, covariance), determinants)
    similarity = graph.op("Div", graph.op("Exp", exponents), determinants)
    similarity = graph.op("Mul", similarity, graph.op("Transpose", root, perm=(0, 2, 1)))
    to_better = graph.op("Trilu", similarity, graph.constant(-1, np.int64), upper=0)
    return graph.op("Mul", graph.reduce("ReduceMax", to_better, 2), graph.op("Squeeze", root, graph.ints(2)))


def _determinants(graph: GraphBuilder, covariance: tuple[str, str, str], determinant: str) -> str:
    """The determinant of the sum of each two covariances, as one product of matrices: FP32 [batch, n, n]."""
    a, b, c = covariance
    one = graph.op("Add", graph.op("Mul", a, graph.constant(0)), graph.constant(1))
    minus_2c = graph.op("Mul", c, graph.constant(-2))
    first = graph.op("Concat", a, b, minus_2c, determinant, one, axis=2)
    second = graph.op("Concat", b, a, c, one, determinant, axis=2)
    product = graph.op("MatMul", first, graph.op("Transpose", second, perm=(0, 2, 1)))
    return graph.op("Max", product, graph.constant(EPSILON))


def _quadratic_forms(graph: GraphBuilder, centre: str, covariance: tuple[str, str, str]) -> str:
    """`-(a y y - 2 c x y + b x x) / 2` of the way between each two centres and their summed covariances."""
    factors = (-0.5, -0.5, 1)
    scaled = [graph.op("Mul", part, graph.constant(factor)) for part, factor in zip(covariance, factors, strict=True)]
    sum_a, sum_b, sum_c = (graph.op("Add", part, graph.op("Transpose", part, perm=(0, 2, 1))) for part in scaled)
    x, y = (
        graph.op("Sub", each, graph.op("Transpose", each, perm=(0, 2, 1)))
        for each in (columns(graph, centre, axis, axis + 1) for axis in (0, 1))
    )
    with_y = graph.op("Mul", graph.op("Add", graph.op("Mul", sum_a, y), graph.op("Mul", sum_c, x)), y)
    return graph.op("Add", with_y, graph.op("Mul", graph.op("Mul", sum_b, x), x))
