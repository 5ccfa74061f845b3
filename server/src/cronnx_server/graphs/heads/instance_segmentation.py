"""Instance segmentation: detections, and the mask of each as a crop at the network's own resolution.

Source of the arithmetic: `process_mask`, `scale_masks` and `crop_mask` in `ultralytics/utils/ops.py`, and
`paste_masks_in_image` in torchvision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from onnx import TensorProto, ValueInfoProto

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.heads import boxes
from cronnx_server.graphs.heads.boxes import Canvas
from cronnx_server.graphs.heads.detection import Kept, detection_answer, drop, keep_detections
from cronnx_server.graphs.heads.detection_rows import take
from cronnx_server.graphs.heads.interpolation import interpolation_weights
from cronnx_server.model_spec import ModelSpec

DETECTION_FORMATS = {"torchvision": "boxes_labels_scores", "detr_masks": "detr_sigmoid"}
"""The format of the detections where masks make it another; the masks are the last output."""
MARGIN = 2
"""Cells around a box in its crop: interpolation inside the box needs one, and a cell may begin outside it."""
SAMPLES = 32
"""Points on each side of a box that decide whether its mask is empty."""
LARGEST = 32767


@dataclass(frozen=True)
class _Grid:
    """Masks on a grid over the network's image.

    Attributes:
        logits: FP32 [batch, rows, height * width]; above 0 inside.
        height: INT64 [1].
        width: INT64 [1].
        rows: INT64 [1], the most detections of an image.
    """

    logits: str
    height: str
    width: str
    rows: str


def add_instance_masks(
    graph: GraphBuilder, tensors: Sequence[ValueInfoProto], geometry: str, spec: ModelSpec, *, pixels_shape: str
) -> dict[str, str]:
    """Add what makes detections and their masks of a network's outputs.

    Args:
        graph: The graph.
        tensors: The network's outputs in the order of `spec.outputs`; the last one has masks [batch, rows, height,
            width], or with Ultralytics' formats the prototypes of masks [batch, coefficients, height, width].
        geometry: FP32 [batch, 6] of width, height, scale x, scale y, pad x and pad y.
        spec: The specification.
        pixels_shape: The shape of the network's pixels, INT64 [4] of batch, height, width and 3.

    Returns:
        The tensor of each output of the answer, by its name: those of detection, and `mask` INT16 [batch, length],
        the crops of all rows one behind the other, above 0 inside; `mask_size` INT32 [batch, n, 2], the height and
        width of each crop; `mask_box` FP32 [batch, n, 4], the part of the photograph that it covers; and `mask_scale`
        INT32 [batch, 1], the network's pixels in a cell, by which a crop is enlarged before it is laid on the
        photograph.
    """
    canvas = Canvas(graph, geometry=geometry, pixels_shape=pixels_shape)
    head = replace(spec, output_format=DETECTION_FORMATS.get(spec.output_format, spec.output_format))
    *detections, masks = [tensor.name for tensor in tensors]
    kept = keep_detections(graph, detections, head, canvas)
    grid = _grid(graph, kept, masks, spec)
    scale = graph.op("Div", graph.cast(canvas.width, TensorProto.FLOAT), graph.cast(grid.width, TensorProto.FLOAT))
    kept, row = drop(graph, kept, stays=_is_not_empty(graph, kept, grid, scale), spec=head)
    window = _window(graph, kept, grid, scale)
    return {
        **detection_answer(graph, kept, head, canvas),
        "mask": _crops(graph, grid, window, row),
        "mask_size": _sizes(graph, window),
        "mask_box": _photo_boxes(graph, window, scale, geometry),
        "mask_scale": _for_every_image(graph, graph.cast(graph.op("Round", scale), TensorProto.INT32), canvas),
    }


def _grid(graph: GraphBuilder, kept: Kept, masks: str, spec: ModelSpec) -> _Grid:
    """The masks of the rows that any image of the batch has."""
    counts = graph.reduce("ReduceSum", graph.cast(kept.valid, TensorProto.INT64), 1)
    rows = graph.op("Max", graph.reduce("ReduceMax", counts, 0, keepdims=1), graph.ints(1))
    height, width = graph.op("Shape", masks, start=-2, end=-1), graph.op("Shape", masks, start=-1)
    area = graph.op("Mul", height, width)
    flat = graph.op("Reshape", masks, graph.op("Concat", graph.ints(0, -1), area, axis=0))
    if spec.output_format in DETECTION_FORMATS:
        logits = take(graph, _with_empty_row(graph, flat, area), _first(graph, kept.source, rows))
        if spec.output_format == "torchvision":
            logits = graph.op("Sub", logits, graph.constant(0.5))
    else:
        logits = graph.op("MatMul", _first(graph, kept.extras, rows), flat)
    return _Grid(logits, height, width, rows)


def _with_empty_row(graph: GraphBuilder, masks: str, area: str) -> str:
    """Masks [batch, rows, area] with a row behind them, so that an image without a detection has one to read."""
    batch = graph.op("Shape", masks, start=0, end=1)
    shape = graph.op("Concat", batch, graph.ints(1), area, axis=0)
    return graph.op("Concat", masks, graph.op("Expand", graph.constant(0), shape), axis=1)


def _first(graph: GraphBuilder, tensor: str, rows: str) -> str:
    """The first rows of a tensor [batch, n, ...]."""
    return graph.op("Slice", tensor, graph.ints(0), rows, graph.ints(1))


def _is_not_empty(graph: GraphBuilder, kept: Kept, grid: _Grid, scale: str) -> str:
    """Whether the mask of each row has a point inside its box, BOOL [batch, n]; rows without a mask have none."""
    box = _first(graph, kept.box, grid.rows)
    share = graph.constant((np.arange(SAMPLES) + 0.5).reshape(1, 1, SAMPLES, 1) / SAMPLES)

    def weights(start: int, size: str) -> str:
        first, last = (
            graph.op("Unsqueeze", boxes.columns(graph, box, at, at + 1), graph.ints(3)) for at in (start, start + 2)
        )
        along = graph.op("Add", first, graph.op("Mul", graph.op("Sub", last, first), share))
        return interpolation_weights(graph, graph.op("Sub", graph.op("Div", along, scale), graph.constant(0.5)), size)

    shape = graph.op("Concat", graph.ints(0, 0), grid.height, grid.width, axis=0)
    rows_sampled = graph.op("MatMul", weights(1, grid.height), graph.op("Reshape", grid.logits, shape))
    columns_last = graph.op("Transpose", weights(0, grid.width), perm=[0, 1, 3, 2])
    largest = graph.reduce("ReduceMax", graph.op("MatMul", rows_sampled, columns_last), 2, 3)
    found = graph.op("Greater", largest, graph.constant(0))
    missing = graph.op("Sub", graph.op("Shape", kept.valid, start=1, end=2), grid.rows)
    pads = graph.op("Concat", graph.ints(0, 0, 0), missing, axis=0)
    return graph.cast(graph.op("Pad", graph.cast(found, TensorProto.FLOAT), pads), TensorProto.BOOL)


@dataclass(frozen=True)
class _Window:
    """The crop of each row in cells of the grid, INT64 [batch, n, 2] of x and y; both 0 where there is no detection."""

    start: str
    size: str


def _window(graph: GraphBuilder, kept: Kept, grid: _Grid, scale: str) -> _Window:
    cells = graph.op("Div", kept.box, scale)
    sides = graph.cast(graph.op("Concat", grid.width, grid.height, axis=0), TensorProto.FLOAT)

    def inside(edge: str) -> str:
        return graph.cast(graph.op("Min", graph.op("Max", edge, graph.constant(0)), sides), TensorProto.INT64)

    first = graph.op("Floor", boxes.columns(graph, cells, 0, 2))
    last = graph.op("Ceil", boxes.columns(graph, cells, 2, 4))
    start = inside(graph.op("Sub", first, graph.constant(MARGIN)))
    stop = inside(graph.op("Add", last, graph.constant(MARGIN)))
    valid = graph.cast(graph.op("Unsqueeze", kept.valid, graph.ints(2)), TensorProto.INT64)
    size = graph.op("Max", graph.op("Sub", stop, start), graph.ints(0))
    return _Window(graph.op("Mul", start, valid), graph.op("Mul", size, valid))


def _crops(graph: GraphBuilder, grid: _Grid, window: _Window, row: str) -> str:
    """The crops of all rows one behind the other, INT16 [batch, length]."""

    def column(pairs: str, index: int) -> str:
        return graph.op("Gather", pairs, graph.constant(index, np.int64), axis=2)

    x, y, width = column(window.start, 0), column(window.start, 1), column(window.size, 0)
    area = graph.op("Mul", width, column(window.size, 1))
    total = graph.reduce("ReduceSum", area, 1, keepdims=1)
    length = graph.op("Max", graph.reduce("ReduceMax", total, 0, 1, keepdims=0), graph.constant(1, np.int64))
    start = graph.op("CumSum", area, graph.constant(1, np.int64), exclusive=1)
    at = graph.op("Range", graph.constant(0, np.int64), length, graph.constant(1, np.int64))
    owner = _owner(graph, start, area, length)

    def of_owner(values: str) -> str:
        return graph.op("GatherElements", values, owner, axis=1)

    local = graph.op("Sub", at, of_owner(start))
    wide = graph.op("Max", of_owner(width), graph.ints(1))
    down, along = graph.op("Div", local, wide), graph.op("Mod", local, wide)
    cell_row = graph.op("Mul", graph.op("Add", of_owner(y), down), grid.width)
    cell = graph.op("Add", cell_row, graph.op("Add", of_owner(x), along))
    mask_row = graph.op("Min", of_owner(row), graph.op("Sub", grid.rows, graph.ints(1)))
    cells = graph.op("Mul", grid.height, grid.width)
    index = graph.op(
        "Add", graph.op("Mul", mask_row, cells), graph.op("Min", cell, graph.op("Sub", cells, graph.ints(1)))
    )
    scaled = graph.op("Reshape", _scaled(graph, grid.logits), graph.ints(0, -1))
    values = graph.op("GatherElements", scaled, index, axis=1)
    within = graph.op("Where", graph.op("Less", at, total), values, graph.constant(0))
    return graph.cast(graph.op("Round", within), TensorProto.INT16)


def _owner(graph: GraphBuilder, start: str, area: str, length: str) -> str:
    """The row that each place of the crops belongs to, INT64 [batch, length]."""
    batch = graph.op("Shape", start, start=0, end=1)
    shape = graph.op("Concat", batch, graph.op("Unsqueeze", length, graph.ints(0)), axis=0)
    nothing = graph.op("Expand", graph.constant(0, np.int64), shape)
    begins = graph.cast(graph.op("Greater", area, graph.ints(0)), TensorProto.INT64)
    place = graph.op("Min", start, graph.op("Sub", length, graph.ints(1)))
    marks = graph.op("ScatterElements", nothing, place, begins, axis=1, reduction="add")
    number = graph.op("Sub", graph.op("CumSum", marks, graph.constant(1, np.int64)), graph.ints(1))
    return graph.op("Max", number, graph.ints(0))


def _scaled(graph: GraphBuilder, logits: str) -> str:
    """Logits [batch, rows, area] as whole numbers, the largest of each row as large as INT16 holds."""
    largest = graph.reduce("ReduceMax", graph.op("Abs", logits), 2, keepdims=1)
    factor = graph.op("Div", graph.constant(LARGEST), graph.op("Max", largest, graph.constant(1e-12)))
    return graph.op("Mul", logits, factor)


def _sizes(graph: GraphBuilder, window: _Window) -> str:
    """The height and width of each crop, INT32 [batch, n, 2]."""
    return graph.cast(graph.op("Gather", window.size, graph.ints(1, 0), axis=2), TensorProto.INT32)


def _photo_boxes(graph: GraphBuilder, window: _Window, scale: str, geometry: str) -> str:
    """The part of the photograph that each crop covers, FP32 [batch, n, 4]; 0 where there is no detection.

    Masks are resized from the whole pixels that the photograph takes on the network's image: that is its scale here,
    not the factor before rounding that boxes are scaled by.
    """

    def part(start: int) -> str:
        return graph.op("Unsqueeze", boxes.columns(graph, geometry, start, start + 2), graph.ints(1))

    factor = graph.op("Div", graph.op("Round", graph.op("Mul", part(0), part(2))), part(0))
    stop = graph.op("Add", window.start, window.size)
    cells = graph.cast(graph.op("Concat", window.start, stop, axis=2), TensorProto.FLOAT)
    points = boxes.as_points(graph, graph.op("Mul", cells, scale))
    points = graph.op("Div", graph.op("Sub", points, part(4)), factor)
    is_crop = graph.op("Greater", graph.reduce("ReduceMax", window.size, 2, keepdims=1), graph.ints(0))
    return graph.op("Where", is_crop, boxes.as_boxes(graph, points), graph.constant(0))


def _for_every_image(graph: GraphBuilder, value: str, canvas: Canvas) -> str:
    return graph.op("Expand", value, graph.op("Concat", canvas.batch, graph.ints(1), axis=0))
