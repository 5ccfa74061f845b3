"""Bilinear interpolation at any positions, as products of matrices: faster than `GridSample`, and exact."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from cronnx_server.graphs.builder import GraphBuilder


def interpolation(graph: GraphBuilder, positions: str, size: str) -> str:
    """Add the weights of linear interpolation between `size` samples.

    Args:
        graph: The graph.
        positions: Positions FP32 [..., n, 1], 0 at the middle of the first sample. A position outside the samples gets
            the nearest one.
        size: The number of samples, INT64 [1].

    Returns:
        FP32 [..., n, size]: each row has the weights of one position.
    """
    last = graph.op("Sub", graph.cast(size, TensorProto.FLOAT), graph.constant(1))
    inside = graph.op("Min", graph.op("Max", positions, graph.constant(0)), last)
    distance = graph.op("Abs", graph.op("Sub", inside, _numbers(graph, size)))
    return graph.op("Relu", graph.op("Sub", graph.constant(1), distance))


def centres(graph: GraphBuilder, count: str) -> str:
    """Add the centres of `count` cells of length 1, FP32 [n, 1]; `count` is INT64 [1]."""
    return graph.op("Unsqueeze", graph.op("Add", _numbers(graph, count), graph.constant(0.5)), graph.ints(1))


def _numbers(graph: GraphBuilder, count: str) -> str:
    """The numbers from 0 up to `count`, FP32 [n]."""
    first, step = (graph.constant(number, np.int64) for number in (0, 1))
    return graph.cast(graph.op("Range", first, graph.op("Squeeze", count, graph.ints(0)), step), TensorProto.FLOAT)
