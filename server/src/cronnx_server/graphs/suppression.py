"""Networks before the suppression of overlapping boxes that an exporter put behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnx import ModelProto


@dataclass(frozen=True, kw_only=True)
class PluginSuppression:
    """A suppression that only TensorRT runs, removed from a graph: what it read, and how it was configured.

    Attributes:
        model: The graph before the node; its outputs are `boxes`, `scores` and those that did not need the node.
        boxes: The name of the output of boxes, FP32 [batch, anchors, 4].
        scores: The name of the output of scores, FP32 [batch, anchors, classes].
        corners: Whether boxes are x1 y1 x2 y2; else they are centre x, centre y, width, height.
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
    activation: str
    background_class: int
    class_agnostic: bool
    confidence: float
    iou: float
    max_detections: int


def replace_plugin(model: ModelProto) -> PluginSuppression | None:
    """Remove TensorRT's suppression (EfficientNMS_TRT, BatchedNMSDynamic_TRT) from a graph.

    ONNX Runtime cannot load a graph with such a node, so this comes before everything else.

    Returns:
        The graph without the node and what the node did; None if the graph has none.

    Raises:
        ModelFileError: The graph has several, or one of a kind that is not known.
    """
    raise NotImplementedError


def cut_before_suppression(
    model: ModelProto, *, image_input: str, image_shape: Sequence[int | None], classes: int
) -> ModelProto | None:
    """The network before the suppression that Ultralytics' `nms=True` unrolls for each image of the exported batch.

    Args:
        model: The graph.
        image_input: The name of the image input.
        image_shape: The shape of one image; see `network.prepare`.
        classes: The number of classes, which tells boxes and scores from other tensors.

    Returns:
        The graph as an export without `nms=True` gives it: its first output has the name it had, and is the raw tensor
        [batch, 4 + classes + extra, anchors] of boxes (centre x, centre y, width, height in pixels) and scores. Other
        outputs that do not need the suppression stay. None if there is no suppression, or no such tensor before it:
        an end-to-end export is left alone.
    """
    raise NotImplementedError
