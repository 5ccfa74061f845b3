"""Bilinear interpolation at any positions, as products of matrices: faster than `GridSample`, and exact."""

from __future__ import annotations

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
    count = graph.op("Squeeze", graph.cast(size, TensorProto.FLOAT), graph.ints(0))
    samples = graph.op("Range", graph.constant(0), count, graph.constant(1))
    last = graph.op("Sub", count, graph.constant(1))
    inside = graph.op("Min", graph.op("Max", positions, graph.constant(0)), last)
    distance = graph.op("Abs", graph.op("Sub", inside, samples))
    return graph.op("Relu", graph.op("Sub", graph.constant(1), distance))


def centres(graph: GraphBuilder, count: str) -> str:
    """Add the centres of `count` cells of length 1, FP32 [n, 1]; `count` is INT64 [1]."""
    number = graph.op("Squeeze", graph.cast(count, TensorProto.FLOAT), graph.ints(0))
    cells = graph.op("Range", graph.constant(0), number, graph.constant(1))
    return graph.op("Unsqueeze", graph.op("Add", cells, graph.constant(0.5)), graph.ints(1))
