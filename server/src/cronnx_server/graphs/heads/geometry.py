"""The places of the network's image and of a grid over it in the photograph."""

from __future__ import annotations

from onnx import TensorProto, ValueInfoProto, helper

from cronnx_server.graphs.builder import GraphBuilder

PIXELS, GEOMETRY = "pixels", "geometry"
"""The inputs of every image model; the second only where the answer has positions in the photograph."""
GRID_GEOMETRY = "grid_geometry"


def part_of_geometry(graph: GraphBuilder, start: int, stop: int) -> str:
    """Add the columns of the geometry from `start` up to `stop`; the name of FP32 [batch, columns]."""
    return graph.op("Slice", GEOMETRY, graph.ints(start), graph.ints(stop), graph.ints(1))


def image_size(graph: GraphBuilder) -> str:
    """Add INT64 [2], the height and the width of the network's image; its name."""
    return graph.op("Shape", PIXELS, start=1, end=3)


def add_grid_geometry(graph: GraphBuilder, grid: str) -> None:
    """Add the output `grid_geometry` for a grid that covers the network's image.

    Args:
        graph: The graph.
        grid: The height and the width of the grid, INT64 [2].
    """
    ratio = graph.op("Div", *(graph.cast(size, TensorProto.FLOAT) for size in (grid, image_size(graph))))
    x_y = graph.op("Gather", ratio, graph.ints(1, 0), axis=0)
    factors = graph.op("Concat", graph.constant([1, 1]), x_y, x_y, axis=0)
    graph.op("Mul", GEOMETRY, factors, to=GRID_GEOMETRY)


def grid_geometry() -> ValueInfoProto:
    """The output FP32 [batch, 6] that places a grid: x_grid = x_photo * scale_x + pad_x; `geometry` to callers."""
    return helper.make_tensor_value_info(GRID_GEOMETRY, TensorProto.FLOAT, ["batch", 6])
