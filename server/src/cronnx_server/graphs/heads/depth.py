"""The head of depth estimators: the depths on the network's grid, and where that lies in the photograph."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import TensorProto, ValueInfoProto, helper

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.heads.geometry import add_grid_geometry, grid_geometry
from cronnx_server.model_spec import ModelSpec


def add_depth_head(graph: GraphBuilder, _: ModelSpec, tensors: Sequence[ValueInfoProto]) -> list[ValueInfoProto]:
    """Add the head of a depth estimator.

    Args:
        graph: The graph.
        tensors: The network's output [batch, height, width] or [batch, 1, height, width].

    Returns:
        The outputs `depth` FP32 [batch, height, width], the network's own values, and `grid_geometry` FP32 [batch, 6].
    """
    (tensor,) = tensors
    dims = tensor.type.tensor_type.shape.dim
    if len(dims) == 4:
        graph.op("Squeeze", tensor.name, graph.ints(1), to="depth")
    else:
        graph.op("Identity", tensor.name, to="depth")
    add_grid_geometry(graph, graph.op("Shape", "depth", start=1, end=3))
    sides = [dim.dim_value or name for dim, name in zip(dims[-2:], ("depth_height", "depth_width"), strict=True)]
    return [helper.make_tensor_value_info("depth", TensorProto.FLOAT, ["batch", *sides]), grid_geometry()]
