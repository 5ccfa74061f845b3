"""The head of semantic segmentation: a map of classes on a grid, and where that lies in the photograph."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import TensorProto, ValueInfoProto, helper

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.heads.geometry import (
    GEOMETRY,
    GRID_GEOMETRY,
    PIXELS,
    add_grid_geometry,
    grid_geometry,
    image_size,
    part_of_geometry,
)
from cronnx_server.graphs.heads.interpolation import centres, interpolation
from cronnx_server.model_spec import ModelSpec

LEAST_SIDE = 640
"""The least height and width of a map, so that those of photographs up to this size are exact."""
BYTE_CLASSES = 256
"""The most classes that a map of bytes can hold."""


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
    graph.cast(_given_map(graph, tensor) if given else _best_class(graph, spec, tensor), datatype, "class_map")
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


def _best_class(graph: GraphBuilder, spec: ModelSpec, tensor: ValueInfoProto) -> str:
    """Add the best class at each point of a grid over the photograph."""
    logits, dims = tensor.name, [dim.dim_value for dim in tensor.type.tensor_type.shape.dim]
    if spec.output_format == "class_logits_nhwc":
        logits, dims = graph.op("Transpose", logits, perm=(0, 3, 1, 2)), [dims[0], dims[3], *dims[1:3]]
    grid = graph.op("Max", image_size(graph), graph.ints(LEAST_SIDE))
    scale = _add_photo_grid(graph, grid)
    if dims[1] == 1:
        return graph.op(
            "Squeeze", graph.op("Greater", _at(graph, logits, grid, scale), graph.constant(0)), graph.ints(1)
        )
    # Most classes are nowhere in a picture. Interpolating only those that are best somewhere is several times faster.
    everywhere = graph.op("Reshape", graph.op("ArgMax", logits, axis=1), graph.ints(-1))
    present = graph.op("Unique", everywhere, sorted=1)
    found = _at(graph, graph.op("Gather", logits, present, axis=1), grid, scale)
    return graph.op("Gather", present, graph.op("ArgMax", found, axis=1, keepdims=0))


def _add_photo_grid(graph: GraphBuilder, grid: str) -> str:
    """Lay a grid over the photograph, not finer than its pixels; the scale of x and y, FP32 [batch, 2]."""
    x_y = graph.cast(graph.op("Gather", grid, graph.ints(1, 0)), TensorProto.FLOAT)
    scale = graph.op("Min", graph.op("Div", x_y, part_of_geometry(graph, 0, 2)), graph.constant(1))
    size, pad = part_of_geometry(graph, 0, 2), graph.op("Mul", scale, graph.constant(0))
    graph.op("Concat", size, scale, pad, axis=1, to=GRID_GEOMETRY)
    return scale


def _at(graph: GraphBuilder, logits: str, grid: str, scale: str) -> str:
    """Interpolate logits [batch, classes, height, width] at the grid's points."""
    across, down = (_weights(graph, logits, grid, scale, axis=axis) for axis in (0, 1))
    rows = graph.op("MatMul", down, logits)
    return graph.op("MatMul", rows, graph.op("Transpose", across, perm=(0, 1, 3, 2)))


def _weights(graph: GraphBuilder, logits: str, grid: str, scale: str, *, axis: int) -> str:
    """The weights [batch, 1, grid, logits] along x (0) or y (1)."""

    def of_axis(columns: str, column: int) -> str:
        return graph.op("Reshape", graph.op("Gather", columns, graph.ints(column), axis=1), graph.ints(-1, 1, 1, 1))

    def length(shape: str, index: int) -> str:
        return graph.op("Gather", shape, graph.ints(index))

    image, samples = length(image_size(graph), 1 - axis), graph.op("Shape", logits, start=3 - axis, end=4 - axis)
    in_photo = graph.op("Div", centres(graph, length(grid, 1 - axis)), of_axis(scale, axis))
    in_image = graph.op("Add", graph.op("Mul", in_photo, of_axis(GEOMETRY, 2 + axis)), of_axis(GEOMETRY, 4 + axis))
    ratio = graph.op("Div", *(graph.cast(count, TensorProto.FLOAT) for count in (samples, image)))
    in_logits = graph.op("Sub", graph.op("Mul", in_image, ratio), graph.constant(0.5))
    return interpolation(graph, in_logits, samples)


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
