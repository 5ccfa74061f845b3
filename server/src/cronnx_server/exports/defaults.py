"""What is assumed where nothing says it: the usual preprocessing and thresholds of each kind of model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cronnx_server.exports.facts import Facts
from cronnx_server.exports.graph_facts import Graph
from cronnx_server.exports.measurement import FREE_SIDE
from cronnx_server.model_spec import Task

Defaults = Mapping[str, Any]

DETECTION_TASKS = {Task.DETECTION, Task.POSE, Task.ORIENTED_BOXES, Task.INSTANCE_SEGMENTATION}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CROP_FRACTION = 0.875
"""The part of the resized shorter side that torchvision's and timm's usual crop keeps: 224 of 256."""

LARGEST_OF_UNIT = 2.0
"""A larger mean or std is one of values from 0 to 255."""
UNIT: Defaults = {"scale": 1 / 255, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
BYTES: Defaults = {**UNIT, "scale": 1.0}
IMAGENET: Defaults = {"scale": 1 / 255, "mean": IMAGENET_MEAN, "std": IMAGENET_STD}
STRETCH: Defaults = {"resize": "exact", "resample": "bilinear", "antialias": True}
STRETCH_OPENCV: Defaults = {**STRETCH, "antialias": False}
LETTERBOX: Defaults = {
    "resize": "letterbox",
    "position": "centre",
    "rounding": "round",
    "fill": (114, 114, 114),
    "resample": "bilinear",
    "antialias": False,
}
YOLO: Defaults = {**LETTERBOX, **UNIT, "iou": 0.45}
TRANSFORMER: Defaults = {**STRETCH_OPENCV, **IMAGENET}
PICODET: Defaults = {**STRETCH_OPENCV, **IMAGENET, "confidence": 0.4, "iou": 0.5, "max_detections": 100}
"""The usual preprocessing and thresholds of a detector whose boxes are distributions."""

FORMATS: Mapping[str, tuple[str, Defaults]] = {
    "ultralytics": ("as Ultralytics", {**YOLO, "iou": 0.7}),
    "ultralytics_rows": ("as Ultralytics", {**YOLO, "iou": 0.7}),
    "ultralytics_end2end": ("as Ultralytics", {**YOLO, "iou": 0.7}),
    "ultralytics_rtdetr": ("as Ultralytics", {**STRETCH_OPENCV, **UNIT}),
    "ultralytics_rtdetr_topk": ("as Ultralytics", {**STRETCH_OPENCV, **UNIT}),
    "yolov5": ("as YOLOv5", YOLO),
    "yolox": ("as YOLOX", {**YOLO, **BYTES, "channel_order": "BGR", "position": "top_left"}),
    "boxes_scores": ("as most YOLO models", YOLO),
    "boxes_scores_fraction": (
        "as UltraFace",
        {**STRETCH_OPENCV, "scale": 1.0, "mean": (127.0,) * 3, "std": (128.0,) * 3, "iou": 0.5},
    ),
    "columns_xyxy_score_class": ("as DeepStream-Yolo", YOLO),
    "counted": ("as YOLOv7", YOLO),
    "counted_tf": ("as TensorFlow's detectors", {**STRETCH, **BYTES}),
    "rows_batch_xyxy_class_score": ("as YOLOv7", YOLO),
    "rows_batch_xyxy_score_class": ("as YOLO-NAS", YOLO),
    "rows_class_score_xyxy": ("as PaddleDetection", {**STRETCH_OPENCV, **IMAGENET}),
    "ssd_rows": ("as SSD", {**STRETCH_OPENCV, **BYTES}),
    "detr": ("as DETR", {**STRETCH, **IMAGENET}),
    "detr_sigmoid": ("as RF-DETR", TRANSFORMER),
    "detr_masks": ("as RF-DETR", TRANSFORMER),
    "torchvision": ("as torchvision's detectors", {**STRETCH, **UNIT}),
    "boxes_labels_scores": ("as torchvision's detectors", {**STRETCH, **UNIT}),
    "boxes_labels_scores_fraction": ("as SSD", {**STRETCH, **IMAGENET}),
    "dets_labels": ("as MMDetection", {**LETTERBOX, **IMAGENET}),
}
"""What a detector's output format makes likely, and in whose way."""

SIDES = {task: 640 if task in DETECTION_TASKS else 224 for task in Task} | {
    Task.SEMANTIC_SEGMENTATION: 512,
    Task.DEPTH: 384,
}


def add_defaults(graph: Graph, facts: Facts, *, tried_side: int | None) -> None:
    """Assume what is not known.

    Args:
        graph: The graph.
        facts: The facts, of which `task` and `output_format` are known.
        tried_side: The side of images that the network was seen to take, if nothing says its size.
    """
    task = Task(facts["task"])
    if tried_side is not None:
        side = SIDES[task] if tried_side == FREE_SIDE else tried_side
        facts.assume("size", (side, side), "the graph takes any size")
    reason, defaults = _of_task(graph, facts, task)
    for name, value in _of_one_unit(defaults, facts).items():
        facts.assume(name, value, reason)
    facts.assume("channel_order", "RGB", "as most exporters")
    if task in DETECTION_TASKS:
        facts.assume("confidence", 0.25, "as Ultralytics")
        facts.assume("iou", 0.7, "as Ultralytics")
        facts.assume("max_detections", 300, "as Ultralytics")


def is_keras(graph: Graph) -> bool:
    """Whether Keras or TensorFlow wrote the network, by its names."""
    names = [tensor.name for tensor in graph.inputs]
    return graph.model.producer_name == "tf2onnx" or any(
        "keras" in name or name.endswith(":0") or name.startswith("input_") for name in names
    )


def _of_task(graph: Graph, facts: Facts, task: Task) -> tuple[str, Defaults]:
    if task in DETECTION_TASKS:
        return FORMATS[facts["output_format"]]
    if task in (Task.SEMANTIC_SEGMENTATION, Task.DEPTH):
        return "as most networks of this task", {**STRETCH, **IMAGENET}
    if is_keras(graph) and facts["layout"] == "NHWC":
        # `keras.utils.load_img` takes the nearest pixel.
        return "as keras.utils.load_img", {**STRETCH, "resample": "nearest", **_minus_one_to_one()}
    height, width = facts["size"]
    crop: dict[str, Any] = {"resize": "exact", "resample": "bilinear", "antialias": True}
    # A file that names a resize means its own size: the usual margin is no part of it.
    if height is not None and height == width and "resize" not in facts:
        resized = round(height / CROP_FRACTION)
        crop |= {"resize": "shortest_edge", "resize_size": (resized, resized), "rounding": "round"}
    return "as torchvision", {**crop, **IMAGENET}


def _of_one_unit(defaults: Defaults, facts: Facts) -> Defaults:
    """The defaults, without a mean and std of values from 0 to 1 beside those from 0 to 255, or the reverse."""
    usual = defaults.get("scale")
    said = [*facts.get("mean", ()), *facts.get("std", ())]
    scale = facts.get("scale", usual)
    if "scale" not in facts and set(said) - {0, 1}:
        scale = 1.0 if max(said) > LARGEST_OF_UNIT else 1 / 255
    return defaults if scale == usual else {**defaults, **UNIT, "scale": scale}


def _minus_one_to_one() -> Defaults:
    return {"scale": 1 / 255, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
