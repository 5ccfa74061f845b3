"""Bilinear interpolation at any positions, as products of matrices: faster than `GridSample`, and exact."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from cronnx_server.graphs.builder import GraphBuilder


def interpolation_weights(graph: GraphBuilder, positions: str, size: str) -> str:
    """Add the weights of linear interpolation between `size` samples.

    Args:
        graph: The graph.
        positions: Positions FP32 [..., n, 1], 0 at the middle of the first sample. A position outside the samples gets
            the nearest one.
        size: The number of samples, INT64 [1].

    Returns:
        FP32 [..., n, size]: each row has the weights of one position.
    """
    last = graph.op("Sub", size, graph.ints(1))
    return _weights(graph, _inside(graph, positions, last), _numbers(graph, size))


def interpolate(graph: GraphBuilder, rows: str, positions: str) -> str:
    """Add the interpolation between rows.

    The positions of a window lie between few rows. Only these are multiplied with the weights of the window.

    Args:
        graph: The graph.
        rows: FP32 [batch, size, columns].
        positions: Positions FP32 [batch, windows, n, 1], in windows of neighbours; otherwise like those above.

    Returns:
        FP32 [batch, windows * n, columns].
    """
    size = graph.op("Shape", rows, start=1, end=2)
    last = graph.op("Sub", size, graph.ints(1))
    inside = _inside(graph, positions, last)
    lowest, highest = (
        graph.cast(graph.reduce(each, inside, 2, keepdims=1), TensorProto.INT64) for each in ("ReduceMin", "ReduceMax")
    )
    longest = graph.reduce("ReduceMax", graph.op("Sub", highest, lowest), 0, 1, 2, 3)
    indices = graph.op("Add", lowest, _range(graph, graph.op("Add", longest, graph.ints(2))))
    weights = _weights(graph, inside, graph.cast(indices, TensorProto.FLOAT))
    # An index beyond the rows has the weight 0: any row will do there.
    clamped = graph.op("Min", graph.op("Max", indices, graph.ints(0)), last)
    gathered = graph.op("GatherND", rows, graph.op("Transpose", clamped, perm=(0, 1, 3, 2)), batch_dims=1)
    shape = graph.op("Concat", graph.ints(0, -1), graph.op("Shape", rows, start=2), axis=0)
    return graph.op("Reshape", graph.op("MatMul", weights, gathered), shape)


def centres(graph: GraphBuilder, count: str) -> str:
    """Add the centres of `count` cells of length 1, FP32 [n, 1]; `count` is INT64 [1]."""
    return graph.op("Unsqueeze", graph.op("Add", _numbers(graph, count), graph.constant(0.5)), graph.ints(1))


def _numbers(graph: GraphBuilder, count: str) -> str:
    """The numbers from 0 up to `count`, FP32 [n]."""
    return graph.cast(_range(graph, count), TensorProto.FLOAT)


def _range(graph: GraphBuilder, count: str) -> str:
    """The numbers from 0 up to `count`, INT64 [n]."""
    first, step = (graph.constant(number, np.int64) for number in (0, 1))
    return graph.op("Range", first, graph.op("Squeeze", count, graph.ints(0)), step)


def _inside(graph: GraphBuilder, positions: str, last: str) -> str:
    """The positions between the first sample and the `last`, INT64 [1]."""
    return graph.op("Min", graph.op("Max", positions, graph.constant(0)), graph.cast(last, TensorProto.FLOAT))


def _weights(graph: GraphBuilder, positions: str, samples: str) -> str:
    """The weights FP32 [..., n, m] of the samples FP32 [..., 1, m] at the positions FP32 [..., n, 1]."""
    distance = graph.op("Abs", graph.op("Sub", positions, samples))
    return graph.op("Relu", graph.op("Sub", graph.constant(1), distance))
