"""The head of semantic segmentation: a map of classes on a grid, and where that lies in the photograph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto, ValueInfoProto, helper

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.heads.geometry import (
    GRID_GEOMETRY,
    PIXELS,
    add_grid_geometry,
    grid_geometry,
    image_size,
    part_of_geometry,
)
from cronnx_server.graphs.heads.interpolation import centres, interpolate
from cronnx_server.model_spec import ModelSpec

LEAST_SIDE = 640
"""The least height and width of a map, so that those of photographs up to this size are exact."""
BYTE_CLASSES = 256
"""The most classes that a map of bytes can hold."""
WINDOW = 16
"""Points of the grid that are interpolated together."""


def add_semantic_segmentation_head(
    graph: GraphBuilder, spec: ModelSpec, tensors: Sequence[ValueInfoProto]
) -> list[ValueInfoProto]:
    """Add the head of a network that classifies every pixel.

    Args:
        graph: The graph.
        spec: The specification, of the format `class_logits`, `class_logits_nhwc` or `class_map`.
        tensors: The network's output: logits [batch, classes, height, width], or with the classes last; one class is
            there where its logit is above 0. Or a map of class numbers [batch, height, width] or
            [batch, 1, height, width], which is passed on.

    Returns:
        The outputs `class_map` UINT8 [batch, height, width], INT32 beyond 256 classes, `label` STRING [batch, classes]
        and `grid_geometry` FP32 [batch, 6].
    """
    (tensor,) = tensors
    given = spec.output_format == "class_map"
    datatype = TensorProto.UINT8 if len(spec.labels) <= BYTE_CLASSES else TensorProto.INT32
    if given:
        graph.cast(_given_map(graph, tensor), datatype, "class_map")
    else:
        _add_best_classes(graph, spec, tensor, datatype)
    size = _sides(tensor) if given else [side and max(side, LEAST_SIDE) for side in _image_sides(spec)]
    height, width = (side or name for side, name in zip(size, ("map_height", "map_width"), strict=True))
    if given:
        add_grid_geometry(graph, graph.op("Shape", "class_map", start=1, end=3))
    return [
        helper.make_tensor_value_info("class_map", datatype, ["batch", height, width]),
        _add_all_labels(graph, spec.labels),
        grid_geometry(),
    ]


def _given_map(graph: GraphBuilder, tensor: ValueInfoProto) -> str:
    has_channel = len(tensor.type.tensor_type.shape.dim) == 4
    return graph.op("Squeeze", tensor.name, graph.ints(1)) if has_channel else tensor.name


def _add_best_classes(graph: GraphBuilder, spec: ModelSpec, tensor: ValueInfoProto, datatype: int) -> None:
    """Add the best class at each point of a grid over the photograph.

    Only windows of points that reach into a photograph of the batch are computed; those beyond repeat the last point.
    """
    logits, dims = tensor.name, [dim.dim_value for dim in tensor.type.tensor_type.shape.dim]
    if spec.output_format == "class_logits_nhwc":
        logits, dims = graph.op("Transpose", logits, perm=(0, 3, 1, 2)), [dims[0], dims[3], *dims[1:3]]
    grid = graph.op("Max", image_size(graph), graph.ints(LEAST_SIDE))
    x, y = _positions(graph, logits, grid, _add_photo_grid(graph, grid))
    if dims[1] == 1:
        is_there = graph.op("Greater", _at(graph, logits, x, y), graph.constant(0))
        best = graph.cast(graph.op("Squeeze", is_there, graph.ints(3)), datatype)
    else:
        candidates = _add_candidates(graph, logits)
        found = _at(graph, graph.op("Gather", logits, candidates, axis=1), x, y)
        best = _at_index(graph, graph.cast(candidates, datatype), graph.op("ArgMax", found, axis=3, keepdims=0))
    best = graph.op("Transpose", best, perm=(0, 2, 1))
    missing = graph.op("Sub", grid, graph.op("Shape", best, start=1))
    graph.op("Pad", best, graph.op("Concat", graph.ints(0, 0, 0, 0), missing, axis=0), mode="edge", to="class_map")


def _add_candidates(graph: GraphBuilder, logits: str) -> str:
    """Add the classes that may be the best at some point, INT64 [n]: interpolating only these is much faster.

    Bilinear interpolation between four neighbours keeps an order that holds at all four. Between them the best class is
    no worse than the mean of the four classes that are best at one of them. So a class below that mean at all four is
    not the best there.
    """
    best = graph.op("ArgMax", logits, axis=1)
    bordered = graph.op("Pad", best, graph.ints(0, 0, 1, 1, 0, 0, 1, 1), mode="edge")
    height_width = graph.op("Shape", logits, start=2)

    def logit_of_best(y: int, x: int) -> str:
        """The logits [batch, 1, height, width] of the class that is best at the neighbour `y` below and `x` beside."""
        first = graph.ints(1 + y, 1 + x)
        neighbour = graph.op("Slice", bordered, first, graph.op("Add", height_width, first), graph.ints(2, 3))
        return graph.op("GatherElements", logits, neighbour, axis=1)

    around = {(y, x): logit_of_best(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)}
    fours = [[around[y, x] for y in (top, top + 1) for x in (left, left + 1)] for top in (-1, 0) for left in (-1, 0)]
    least_sum = graph.op("Min", *(graph.op("Sum", *four) for four in fours))
    least_mean = graph.op("Mul", least_sum, graph.constant(1 / 4))
    is_candidate = graph.op("Not", graph.op("Less", logits, least_mean))  # true of a logit that is no number
    anywhere = graph.reduce("ReduceMax", graph.cast(is_candidate, TensorProto.UINT8), 0, 2, 3)
    return graph.op("Squeeze", graph.op("NonZero", anywhere), graph.ints(0))


def _at_index(graph: GraphBuilder, values: str, index: str) -> str:
    """Values [n] at an index [batch, x, y]: `GatherElements` is several times faster than `Gather`."""
    shape = graph.op("Concat", graph.op("Shape", index, start=0, end=2), graph.ints(1), axis=0)
    return graph.op("GatherElements", graph.op("Expand", values, shape), index, axis=2)


def _add_photo_grid(graph: GraphBuilder, grid: str) -> str:
    """Lay a grid over the photograph, not finer than its pixels; the scale of x and y, FP32 [batch, 2]."""
    size = part_of_geometry(graph, 0, 2)
    scale = graph.op("Min", graph.op("Div", _x_y(graph, grid), size), graph.constant(1))
    graph.op("Concat", size, scale, graph.op("Mul", scale, graph.constant(0)), axis=1, to=GRID_GEOMETRY)
    return scale


def _positions(graph: GraphBuilder, logits: str, grid: str, scale: str) -> tuple[str, str]:
    """Add where the grid's points lie between the logits along x and y, FP32 [batch, windows, points, 1] each."""
    factor, pad = (part_of_geometry(graph, start, start + 2) for start in (2, 4))
    ratio = graph.op("Div", _x_y(graph, graph.op("Shape", logits, start=2)), _x_y(graph, image_size(graph)))
    steps = graph.op("Div", graph.op("Mul", factor, ratio), scale)
    windows, window = _windows(graph, steps, grid)
    count = graph.op("Mul", windows, window)
    scale, factor, pad = (graph.op("Unsqueeze", each, graph.ints(1)) for each in (scale, factor, pad))
    points = centres(graph, graph.reduce("ReduceMax", count, 0, keepdims=1))
    in_image = graph.op("Add", graph.op("Mul", graph.op("Div", points, scale), factor), pad)
    in_logits = graph.op("Sub", graph.op("Mul", in_image, ratio), graph.constant(0.5))

    def along(axis: int) -> str:
        every = graph.op("Gather", in_logits, graph.constant(axis, np.int64), axis=2)
        of_axis, points = (graph.op("Gather", each, graph.ints(axis)) for each in (count, window))
        some = graph.op("Slice", every, graph.ints(0), of_axis, graph.ints(1))
        return graph.op("Reshape", some, graph.op("Concat", graph.ints(0, -1), points, graph.ints(1), axis=0))

    return along(0), along(1)


def _windows(graph: GraphBuilder, steps: str, grid: str) -> tuple[str, str]:
    """How many windows cover the photographs of the batch, and the points in a window; INT64 [2] of x and y each.

    Args:
        graph: The graph.
        steps: The distance of the points in logits, FP32 [batch, 2] of x and y.
        grid: The height and the width of the grid, INT64 [2].
    """
    sizes = graph.reduce("ReduceMax", part_of_geometry(graph, 0, 2), 0)
    sizes = graph.cast(graph.op("Min", sizes, _x_y(graph, grid)), TensorProto.INT64)
    sizes = graph.op("Max", sizes, graph.ints(1))
    # With steps above 1, windows would read more logits in all than there are: one window reads each once.
    is_steep = graph.op("Greater", graph.reduce("ReduceMax", graph.op("Abs", steps), 0), graph.constant(1))
    window = graph.op("Where", is_steep, sizes, graph.ints(WINDOW))
    return graph.op("Div", graph.op("Sub", graph.op("Add", sizes, window), graph.ints(1)), window), window


def _x_y(graph: GraphBuilder, height_width: str) -> str:
    """INT64 [2] as FP32 in the order of a geometry."""
    return graph.cast(graph.op("Gather", height_width, graph.ints(1, 0)), TensorProto.FLOAT)


def _at(graph: GraphBuilder, logits: str, x: str, y: str) -> str:
    """Interpolate logits [batch, classes, height, width] at positions; FP32 [batch, x, y, classes].

    This order of tensors suits ONNX Runtime on a CPU: positions select whole rows, and classes are compared in one row.
    """
    classes, width = (graph.op("Shape", logits, start=axis, end=axis + 1) for axis in (1, 3))
    rows = graph.op("Reshape", graph.op("Transpose", logits, perm=(0, 2, 1, 3)), graph.ints(0, 0, -1))
    rows = interpolate(graph, rows, y)
    columns = graph.op("Reshape", rows, graph.op("Concat", graph.ints(0, -1), width, axis=0))
    columns = interpolate(graph, graph.op("Transpose", columns, perm=(0, 2, 1)), x)
    return graph.op("Reshape", columns, graph.op("Concat", graph.ints(0, 0, -1), classes, axis=0))


def _image_sides(spec: ModelSpec) -> tuple[int | None, int | None]:
    return spec.recipe.height, spec.recipe.width


def _sides(tensor: ValueInfoProto) -> tuple[int, int]:
    height, width = tensor.type.tensor_type.shape.dim[-2:]
    return height.dim_value, width.dim_value


def _add_all_labels(graph: GraphBuilder, labels: Sequence[str]) -> ValueInfoProto:
    batch = graph.op("Shape", PIXELS, start=0, end=1)
    shape = graph.op("Concat", batch, graph.ints(len(labels)), axis=0)
    graph.op("Expand", graph.constant([labels], object), shape, to="label")
    return helper.make_tensor_value_info("label", TensorProto.STRING, ["batch", len(labels)])
