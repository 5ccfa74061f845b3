"""Networks before the suppression of overlapping boxes that an exporter put behind them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, ValueInfoProto, helper, numpy_helper

from cronnx_server.errors import ModelFileError
from cronnx_server.graphs.batching import Shape, free_batch, input_batch
from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.structure import ancestors, extract, rename, self_contained
from cronnx_server.graphs.trial import run_tensors

PLUGINS = {
    "EfficientNMS_TRT",
    "EfficientNMS_ONNX_TRT",
    "EfficientNMS_Explicit_TF_TRT",
    "EfficientNMS_Implicit_TF_TRT",
    "EfficientNMSX_TRT",
    "BatchedNMS_TRT",
    "BatchedNMSDynamic_TRT",
}
"""TensorRT's suppressions; the first two inputs of each are boxes and scores."""
STRIDES = (8, 16, 32, 64)
CORNERS_AT_LEAST = 0.99
ANCHORS_A_CELL = 3
"""Of YOLOv5 and YOLOv7; later ones have one."""


@dataclass(frozen=True, kw_only=True)
class PluginSuppression:
    """A suppression that only TensorRT runs, removed from a graph: what it read, and how it was configured.

    Attributes:
        model: The graph before the node; its outputs are `boxes`, `scores` and those that did not need the node.
        boxes: The name of the output of boxes, FP32 [batch, anchors, 4].
        scores: The name of the output of scores, FP32 [batch, anchors, classes].
        corners: Whether boxes are x1 y1 x2 y2; else they are centre x, centre y, width, height.
        normalised: Whether boxes are declared to be fractions of the image; None if the node does not say so.
        activation: `sigmoid` if the node applied it to the scores, else `none`.
        background_class: The class that is no answer; -1 if none.
        class_agnostic: Whether boxes of different classes suppress each other.
        confidence: The lowest score.
        iou: The overlap above which the lower box is dropped.
        max_detections: The boxes of an answer.
    """

    model: ModelProto
    boxes: str
    scores: str
    corners: bool
    normalised: bool | None
    activation: str
    background_class: int
    class_agnostic: bool
    confidence: float
    iou: float
    max_detections: int


@dataclass(frozen=True, kw_only=True)
class RawDetector:
    """A detector before its suppression.

    Attributes:
        model: The graph as an export without suppression has it: the raw tensor is the first output.
        output: The name of the raw tensor, that of the graph's first output before.
        output_format: `ultralytics` [batch, 4 + classes + extra, anchors], or `yolov5` [batch, anchors, 5 + classes].
            Boxes are centre x, centre y, width, height in pixels in both.
    """

    model: ModelProto
    output: str
    output_format: str


def replace_plugin(model: ModelProto) -> PluginSuppression | None:
    """Remove TensorRT's suppression (EfficientNMS_TRT, BatchedNMSDynamic_TRT …) from a graph.

    ONNX Runtime cannot load a graph with such a node, so this comes before everything else.

    Returns:
        The graph without the node and what the node did; None if the graph has none.

    Raises:
        ModelFileError: The graph has several such nodes.
    """
    graph = self_contained(model)
    nodes = [node for node in graph.graph.node if node.op_type in PLUGINS]
    if not nodes:
        return None
    if len(nodes) > 1:
        raise ModelFileError(
            f"expected one suppression of boxes in the graph, got {len(nodes)} ({nodes[0].op_type}); "
            "export the model without suppression"
        )
    (node,) = nodes
    options = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    boxes, scores = node.input[:2]
    made = set(node.output)
    others = [each.name for each in graph.graph.output if not made & ancestors(graph.graph, [each.name])]
    if node.op_type.startswith("BatchedNMS"):
        boxes = _without_class_dimension(graph, boxes)
    boxes, scores = (_exposed(graph, name, to) for name, to in ((boxes, "boxes"), (scores, "scores")))
    extract(graph, [boxes, scores, *others])
    return PluginSuppression(model=graph, boxes=boxes, scores=scores, **_options(node, options))


def cut_before_suppression(
    model: ModelProto, *, image_input: str, image_shape: Sequence[int | None], classes: int
) -> RawDetector | None:
    """The network before the suppression that an exporter put into the graph, often once for each image of a batch.

    Args:
        model: The graph, which ONNX Runtime can load.
        image_input: The name of the image input.
        image_shape: The shape of one image, NCHW; see `network.prepare`.
        classes: The number of classes, which tells boxes and scores from other tensors.

    Returns:
        The network before the suppression, as Ultralytics' `nms=True` and YOLOv7's `--end2end` have it. None if the
        graph has no NonMaxSuppression, as an end-to-end export has none, or if no raw tensor is found before it.
    """
    graph = self_contained(model)
    nodes = [node for node in graph.graph.node if node.op_type == "NonMaxSuppression"]
    sides = tuple(dim or 640 for dim in image_shape)
    batch = input_batch(next(tensor for tensor in graph.graph.input if tensor.name == image_input)) or 1
    if not nodes or len(sides) != 3:
        return None
    freed = free_batch(graph, image=image_input, shape=image_shape, trial=sides, batch=batch)
    shapes = {name: known.shapes[0] for name, known in freed.tensors.items() if known.shapes and known.axis == 0}
    before = ancestors(graph.graph, [name for node in nodes for name in node.input])
    order = [name for node in graph.graph.node for name in node.output if name in before and name in shapes]
    for name in reversed(order):
        layout = _layout(shapes[name], batch=batch, height=sides[1], width=sides[2], classes=classes)
        if layout and _is_bottleneck(graph, name, image_input, nodes):
            images = np.random.default_rng(seed=1).random((batch, *sides))
            return _cut(graph, name, layout, image_input=image_input, images=images)
    return None


def _options(node: NodeProto, options: Mapping[str, Any]) -> dict[str, Any]:
    batched = node.op_type.startswith("BatchedNMS")
    limit = options.get("keepTopK" if batched else "max_output_boxes", options.get("max_output_size_per_class", 100))
    return {
        "corners": batched or not options.get("box_coding", 0),
        "normalised": bool(options.get("isNormalized", 1)) if batched else None,
        "activation": "sigmoid" if options.get("score_activation", 0) else "none",
        "background_class": int(options.get("backgroundLabelId" if batched else "background_class", -1)),
        "class_agnostic": bool(options.get("class_agnostic", 0)),
        "confidence": float(options.get("scoreThreshold" if batched else "score_threshold", 0.25)),
        "iou": float(options.get("iouThreshold" if batched else "iou_threshold", 0.5)),
        "max_detections": int(limit),
    }


def _without_class_dimension(model: ModelProto, boxes: str) -> str:
    """BatchedNMS takes boxes [batch, anchors, 1, 4], as boxes may differ between classes."""
    first, name = "suppression/first", "suppression/shared_boxes"
    model.graph.initializer.append(numpy_helper.from_array(np.array(0, np.int64), first))
    # Gather, unlike Squeeze, has one form in every opset.
    model.graph.node.append(helper.make_node("Gather", [boxes, first], [name], name=name, axis=2))
    return name


def _exposed(model: ModelProto, name: str, to: str) -> str:
    """Make a tensor an output under a name of its own; its name."""
    taken = {each for node in model.graph.node for each in node.output}
    to = f"suppression/{to}/output" if to in taken else to
    model.graph.node.append(helper.make_node("Identity", [name], [to], name=f"suppression/{to}"))
    return to


def _layout(shape: Shape, *, batch: int, height: int, width: int, classes: int) -> str:
    """The layout of a raw tensor; empty if a tensor of this shape is none."""
    if len(shape) != 3 or shape[0] != batch:
        return ""
    grids = [math.ceil(height / stride) * math.ceil(width / stride) for stride in STRIDES]
    cells = {sum(grids[:levels]) for levels in (3, 4)}
    if shape[1] in {ANCHORS_A_CELL * count for count in cells} and shape[2] == 5 + classes:
        return "yolov5"
    if shape[1] in cells and shape[2] >= 4 + classes:
        return "rows"
    return "columns" if shape[2] in cells and shape[1] >= 4 + classes else ""


def _is_bottleneck(model: ModelProto, name: str, image: str, nodes: Sequence[NodeProto]) -> bool:
    """Whether all that a suppression reads of the image goes through one tensor."""
    read = [each for node in nodes for each in node.input if each]
    return image not in ancestors(model.graph, read, until=[name])


def _cut(
    graph: ModelProto, name: str, layout: str, *, image_input: str, images: npt.NDArray[np.generic]
) -> RawDetector:
    output = graph.graph.output[0].name
    suppressed = {each for node in graph.graph.node if node.op_type == "NonMaxSuppression" for each in node.output}
    others = [
        each.name
        for each in graph.graph.output[1:]
        if not suppressed & ancestors(graph.graph, [each.name], until=[name])
    ]
    (values,) = run_tensors(graph, {image_input: images}, [name])
    builder, raw = GraphBuilder("raw/"), name
    rename(graph.graph, output, f"{output}/suppressed")
    if layout == "columns":
        raw = builder.op("Transpose", raw, perm=[0, 2, 1])
        values = values.transpose(0, 2, 1)
    if _are_corners(values.astype(np.float32)):
        raw = _centred(builder, raw, values.shape[2])
    if layout != "yolov5":
        raw = builder.op("Transpose", raw, perm=[0, 2, 1])
    builder.op("Identity", raw, to=output)
    graph.graph.node.extend(builder.nodes)
    graph.graph.initializer.extend(builder.constants)
    graph.graph.output[0].CopyFrom(ValueInfoProto(name=output))
    extract(graph, [output, *others])
    return RawDetector(model=graph, output=output, output_format="yolov5" if layout == "yolov5" else "ultralytics")


def _are_corners(values: npt.NDArray[np.floating[Any]]) -> bool:
    """Whether boxes [batch, anchors, 4 …] are x1 y1 x2 y2: the second corner of every anchor follows the first.

    Of centre x, centre y, width, height this never holds, as boxes at the right edge are narrower than they are far
    from the left.
    """
    return bool((values[..., 2:4] >= values[..., :2]).mean() > CORNERS_AT_LEAST)


def _centred(builder: GraphBuilder, boxes: str, columns: int) -> str:
    """Boxes x1 y1 x2 y2 in rows [batch, anchors, columns] as centre x, centre y, width, height."""
    first, second, rest = (
        builder.op("Slice", boxes, builder.ints(start), builder.ints(end), builder.ints(2))
        for start, end in ((0, 2), (2, 4), (4, columns))
    )
    centre = builder.op("Mul", builder.op("Add", first, second), builder.constant(0.5))
    return builder.op("Concat", centre, builder.op("Sub", second, first), rest, axis=2)
