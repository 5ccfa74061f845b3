"""Detectors that answer the distances of a box's sides as distributions: PicoDet and its relatives.

Source: "Generalized Focal Loss", arXiv 2006.04388; PaddleDetection's `PicoHeadV2` exported without post-processing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, TensorProto, helper

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.onnx_graph import opset_of

STRIDES = (8, 16, 32, 64)
SIDES = 4


@dataclass(frozen=True, kw_only=True)
class DecodedDetector:
    """A detector whose distributions are decoded.

    Attributes:
        model: The graph; its outputs are `boxes` and `scores`.
        boxes: The name of the output FP32 [batch, anchors, 4], x1 y1 x2 y2 in the network's pixels.
        scores: The name of the output FP32 [batch, anchors, classes].
    """

    model: ModelProto
    boxes: str = "boxes"
    scores: str = "scores"


def decode_distributions(model: ModelProto, *, height: int, width: int) -> DecodedDetector | None:
    """Decode the outputs of a detector that has class scores and distributions for each stride.

    Args:
        model: The graph; it is left as it is.
        height: The height of the network's image, in pixels.
        width: The width of the network's image, in pixels.

    Returns:
        The graph with boxes and scores as outputs; None if its outputs are others.
    """
    levels = _levels(model, height=height, width=width)
    if levels is None:
        return None
    decoded = ModelProto()
    decoded.CopyFrom(model)
    graph = GraphBuilder("distributions/", opset=opset_of(model))
    boxes = [_boxes(graph, *level, width=width, height=height) for level in levels]
    graph.op("Concat", *boxes, axis=1, to="boxes")
    graph.op("Concat", *(scores for _, scores, _, _ in levels), axis=1, to="scores")
    decoded.graph.node.extend(graph.nodes)
    decoded.graph.initializer.extend(graph.constants)
    del decoded.graph.output[:]
    decoded.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", None, None]) for name in ("boxes", "scores")
    )
    return DecodedDetector(model=decoded)


def _levels(model: ModelProto, *, height: int, width: int) -> list[tuple[int, str, str, int]] | None:
    """For each stride its factor, the names of its scores and distributions, and the number of a side's values."""
    outputs = [(each.name, [dim.dim_value for dim in each.type.tensor_type.shape.dim]) for each in model.graph.output]
    half = len(outputs) // 2
    if half not in (3, 4) or len(outputs) % 2 or any(len(shape) != 3 for _, shape in outputs):
        return None
    levels = []
    for stride, (scores, score_shape), (sides, side_shape) in zip(
        STRIDES[:half], outputs[:half], outputs[half:], strict=True
    ):
        cells = -(-height // stride) * -(-width // stride)
        if (score_shape[1], side_shape[1]) != (cells, cells) or side_shape[2] % SIDES:
            return None
        levels.append((stride, scores, sides, side_shape[2] // SIDES))
    return levels if len({(level[3]) for level in levels}) == 1 else None


def _boxes(graph: GraphBuilder, stride: int, _scores: str, sides: str, values: int, *, width: int, height: int) -> str:
    """The corners of one stride: from the middle of each cell, as far as each side's mean distance."""
    columns, rows = -(-width // stride), -(-height // stride)
    x, y = np.meshgrid((np.arange(columns) + 0.5) * stride, (np.arange(rows) + 0.5) * stride)
    middles = np.stack([x, y, x, y], axis=-1).reshape(1, -1, SIDES)
    shaped = graph.op("Reshape", sides, graph.ints(0, columns * rows, SIDES, values))
    probabilities = graph.op("Softmax", shaped, axis=3)
    distances = graph.op("MatMul", probabilities, graph.constant(np.arange(values).reshape(values, 1)))
    outwards = np.array([-1, -1, 1, 1]).reshape(1, 1, SIDES) * stride
    offsets = graph.op("Mul", graph.op("Squeeze", distances, graph.ints(3)), graph.constant(outwards))
    return graph.op("Add", offsets, graph.constant(middles))
