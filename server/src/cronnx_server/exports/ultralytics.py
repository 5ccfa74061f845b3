"""The metadata that Ultralytics writes into an ONNX file, and that of YOLOv5.

Source: ultralytics 8.4, `engine/exporter.py`, `nn/autobackend.py`, `data/augment.py`, `models/*/predict.py`.
"""

from __future__ import annotations

import ast
from typing import Any

from cronnx_server.exports.facts import Facts
from cronnx_server.exports.labels import named, numbered
from cronnx_server.exports.side_files import Entries
from cronnx_server.exports.source import Source
from cronnx_server.model_spec import Task

TASKS = {
    "detect": Task.DETECTION,
    "segment": Task.INSTANCE_SEGMENTATION,
    "semantic": Task.SEMANTIC_SEGMENTATION,
    "depth": Task.DEPTH,
    "classify": Task.CLASSIFICATION,
    "pose": Task.POSE,
    "obb": Task.ORIENTED_BOXES,
}
BOX_TASKS = ("detect", "segment", "pose", "obb")
GREY = (114, 114, 114)
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RTDETR_HEAD = "RTDETRDecoder"


def read(source: Source, facts: Facts) -> bool:
    """Add what the metadata says.

    Returns:
        Whether Ultralytics or YOLOv5 wrote the file.

    Raises:
        ModelFileError: A value is damaged, or what it says cannot be served.
    """
    texts = source.metadata
    if "names" not in texts or "stride" not in texts:
        return False
    metadata = Entries({key: _value(text) for key, text in texts.items()}, "metadata")
    if "labels" not in facts:
        facts.add("labels", _labels(metadata), metadata.where("names"))
    if metadata.get("channels", 3) != 3:
        facts.refuse("task", f"expected 3 channels, got {metadata['channels']}", metadata.where("channels"))
    if "task" in metadata:
        _add_ultralytics(source, metadata, facts)
    else:
        _add_yolov5(source, facts, metadata.where("stride"))
    return True


def _add_ultralytics(source: Source, metadata: Entries, facts: Facts) -> None:
    kind, where = str(metadata["task"]), metadata.where("task")
    if kind not in TASKS:
        facts.refuse("task", f"expected one of {', '.join(TASKS)}, got {kind!r}", where)
        return
    facts.add("task", TASKS[kind].value, where)
    height, width = _image_size(metadata)
    stretched = kind == "depth" or _is_rtdetr(source, metadata)
    where_size = metadata.where("imgsz")
    if kind == "classify":
        _add_crop(facts, (height, width), where, where_size)
    else:
        _add_box(source, metadata, facts, (height, width), "exact" if stretched else "letterbox")
    _add_values(facts, where)
    if kind == "classify":
        facts.add("activation", "none", where)  # Ultralytics' head ends in a softmax
    if kind in BOX_TASKS:
        _add_thresholds(facts, where, iou=0.7, max_detections=300)
        _add_format(source, metadata, facts)
    if kind == "pose" and (shape := metadata.numbers("kpt_shape", 2)):
        facts.add("keypoint_shape", tuple(map(int, shape)), metadata.where("kpt_shape"))


def _add_crop(facts: Facts, size: tuple[int, int], where: str, where_size: str) -> None:
    """Ultralytics' `classify_transforms`: torchvision's resize of the shorter side and centre crop."""
    facts.add("size", size, where_size)
    facts.add("resize", "shortest_edge" if size[0] == size[1] else "exact", where)
    facts.add("resize_size", size, where_size)
    facts.add("position", "centre", where)
    facts.add("rounding", "round", where)
    facts.add("resample", "bilinear", where)
    facts.add("antialias", True, where)


def _add_box(source: Source, metadata: Entries, facts: Facts, size: tuple[int, int], resize: str) -> None:
    """Ultralytics' `LetterBox`; with `dynamic`, the canvas is padded to a multiple of the stride only."""
    where = metadata.where("task")
    follows = resize == "letterbox" and _is_dynamic(source)
    facts.add("size", (None, None) if follows else size, metadata.where("args" if follows else "imgsz"))
    facts.add("resize", resize, where)
    facts.add("resize_size", size, metadata.where("imgsz"))
    if follows:
        facts.add("multiple", _stride(metadata), metadata.where("stride"))
    _add_cv2(facts, where)


def _add_cv2(facts: Facts, where: str) -> None:
    facts.add("position", "centre", where)
    facts.add("rounding", "round", where)
    facts.add("fill", GREY, where)
    facts.add("resample", "bilinear", where)
    facts.add("antialias", False, where)


def _add_values(facts: Facts, where: str) -> None:
    facts.add("channel_order", "RGB", where)
    facts.add("scale", 1 / 255, where)
    facts.add("mean", (0.0, 0.0, 0.0), where)
    facts.add("std", (1.0, 1.0, 1.0), where)


def _add_thresholds(facts: Facts, where: str, *, iou: float, max_detections: int) -> None:
    facts.add("confidence", 0.25, where)
    facts.add("iou", iou, where)
    facts.add("max_detections", max_detections, where)


def _add_format(source: Source, metadata: Entries, facts: Facts) -> None:
    arguments = metadata.entries("args") or Entries({}, metadata.where("args"))
    rows = _output_dims(source)[1:]
    if _is_rtdetr(source, metadata):
        top = rows[1:] == [6] and ("head" in metadata or len(metadata["names"]) != 2)
        facts.add("output_format", "ultralytics_rtdetr_topk" if top else "ultralytics_rtdetr", metadata.where("head"))
    elif arguments.get("nms") is True:
        facts.add("output_format", "ultralytics_end2end", arguments.where("nms"))
    elif metadata.get("end2end") is True:
        facts.add("output_format", "ultralytics_end2end", metadata.where("end2end"))
    elif metadata.get("end2end") is False:
        facts.add("output_format", "ultralytics", metadata.where("end2end"))


def _add_yolov5(source: Source, facts: Facts, where: str) -> None:
    """YOLOv5 writes the stride and the names only; the outputs tell a detector from a classifier."""
    ranks = [len(output.type.tensor_type.shape.dim) for output in source.model.graph.output]
    boxes = {(3,): Task.DETECTION, (3, 4): Task.INSTANCE_SEGMENTATION}.get(tuple(ranks))
    if boxes:
        facts.add("task", boxes.value, where)
        facts.add("output_format", "yolov5", where)
        facts.add("resize", "letterbox", where)
        _add_cv2(facts, where)
        _add_values(facts, where)
        _add_thresholds(facts, where, iou=0.45, max_detections=300)
    elif ranks[:1] == [2]:
        facts.add("task", Task.CLASSIFICATION.value, where)
        facts.add("activation", "softmax", where)
        facts.add("resize", "shortest_edge", where)
        facts.add("resample", "bilinear", where)
        facts.add("antialias", False, where)
        facts.add("channel_order", "RGB", where)
        facts.add("scale", 1 / 255, where)
        facts.add("mean", IMAGENET[0], where)
        facts.add("std", IMAGENET[1], where)


def _value(text: str) -> Any:  # noqa: ANN401 - any Python literal
    """A value that was written by `str`; text that is no literal stays text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text


def _labels(metadata: Entries) -> list[str]:
    names, where = metadata["names"], metadata.where("names")
    if isinstance(names, dict):
        return numbered(names, where)
    if not isinstance(names, list | tuple):
        raise metadata.error("names", "a dict or a list")
    return named(names, where)


def _image_size(metadata: Entries) -> tuple[int, int]:
    size = metadata.sides("imgsz")
    if size is None:
        raise metadata.error("imgsz", "a height and a width")
    return size


def _stride(metadata: Entries) -> int:
    return max(metadata.count("stride") or 1, 32)


def _is_rtdetr(source: Source, metadata: Entries) -> bool:
    """Whether the head is RT-DETR's; before `head` was written, its rows are the queries, not the values."""
    if "head" in metadata:
        return bool(metadata["head"] == RTDETR_HEAD)
    if "rtdetr" in str(metadata.get("description", "")).lower():
        return True
    values = 4 + len(metadata["names"])
    rows = _output_dims(source)[1:]
    return metadata["task"] == "detect" and len(rows) == 2 and rows[1] == values != rows[0] and values != 6


def _is_dynamic(source: Source) -> bool:
    """Whether the height or width of the images is free."""
    dims = source.model.graph.input[0].type.tensor_type.shape.dim
    return any(not dim.HasField("dim_value") for dim in dims[2:4])


def _output_dims(source: Source) -> list[int | None]:
    dims = source.model.graph.output[0].type.tensor_type.shape.dim if source.model.graph.output else []
    return [dim.dim_value if dim.HasField("dim_value") else None for dim in dims]
