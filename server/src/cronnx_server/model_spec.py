"""What is known of an image model: its task, its preprocessing, its network's input and outputs, its labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Task(Enum):
    """What a model answers; the value is the ensemble's parameter `task`."""

    CLASSIFICATION = "classification"
    MULTI_LABEL = "multi_label"
    DETECTION = "detection"
    POSE = "pose"
    ORIENTED_BOXES = "oriented_boxes"
    INSTANCE_SEGMENTATION = "instance_segmentation"
    SEMANTIC_SEGMENTATION = "semantic_segmentation"
    EMBEDDING = "embedding"
    DEPTH = "depth"


BACKEND_DEFAULTS: Mapping[str, object] = {
    "resize_size": None,
    "longest_edge": None,
    "multiple": 1,
    "position": "centre",
    "rounding": "floor",
    "fill": (0, 0, 0),
    "antialias": True,
}
"""What a `preprocess` model does without a parameter; it is always told how to resize and with which filter."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a photograph becomes the pixels of a network; the options of a `preprocess` model.

    An image is resized, and placed on a canvas of `width` x `height`: cropped where it is larger, padded where it is
    smaller.

    Attributes:
        height: The height of the canvas in pixels; None if it follows the image.
        width: The width of the canvas in pixels; None if it follows the image.
        resize: `exact` stretches, `shortest_edge` covers, `letterbox` fits inside, `nearest_scale` is DPT's.
        resize_size: The (height, width) that the image is resized to, or fitted to; None is that of the canvas. With
            `shortest_edge`, both are the length of the shorter side.
        longest_edge: With `shortest_edge`, the most that the longer side may have; None is no limit.
        multiple: Both sides of a canvas that follows the image are multiples of it.
        position: Where a smaller or larger image lies on the canvas: `centre` or `top_left`.
        rounding: How half a pixel of a centred image's offset, and with `letterbox` of a side, is rounded: `floor` or
            `round`.
        fill: The colour of the padding, RGB of 0 to 255.
        resample: The filter: `nearest`, `box`, `bilinear`, `bicubic`, `lanczos` or `hamming`.
        antialias: Whether the filter widens where an image shrinks, as Pillow's do and OpenCV's do not.
    """

    height: int | None
    width: int | None
    resize: str = "exact"
    resize_size: tuple[int, int] | None = None
    longest_edge: int | None = None
    multiple: int = 1
    position: str = "centre"
    rounding: str = "floor"
    fill: tuple[int, int, int] = (0, 0, 0)
    resample: str = "bilinear"
    antialias: bool = True

    def parameters(self) -> dict[str, str]:
        """The `parameters` of a `preprocess` model's configuration; the backend's defaults are left out."""
        values = {name: value for name, value in asdict(self).items() if value != BACKEND_DEFAULTS.get(name)}
        return {name: _parameter(value) for name, value in values.items() if name not in ("height", "width")}


@dataclass(frozen=True, kw_only=True)
class NetworkInput:
    """The image input of a network, and how RGB bytes become its values: `(scale * byte - mean) / std`.

    Attributes:
        name: The name of the input.
        layout: `NCHW` or `NHWC`.
        datatype: `FP32`, `FP16` or `UINT8`.
        channel_order: `RGB` or `BGR`; `mean` and `std` are in this order.
        scale: The factor of a byte: 1/255 for values from 0 to 1, 1 for values from 0 to 255.
        mean: What is subtracted from each channel, after scaling.
        std: What each channel is divided by.
    """

    name: str
    layout: str = "NCHW"
    datatype: str = "FP32"
    channel_order: str = "RGB"
    scale: float = 1 / 255
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """All that a served model is built from, beside the network itself.

    Attributes:
        task: The task.
        output_format: The layout of the network's outputs, a name that the task's head knows.
        outputs: The names of the network's outputs that the head reads, in the order of the format.
        labels: One label for each class; empty for tasks without classes.
        recipe: How a photograph becomes pixels.
        input: How pixels become the network's values.
        activation: `softmax`, `sigmoid` or `none`: what makes scores of the outputs.
        first_class: The number by which the network means the first label; 1 where it counts from 1.
        confidence: The lowest score of an answer that is given; detection tasks only.
        iou: The overlap above which the lower of two boxes of a class is dropped; formats with suppression only.
        max_detections: The rows of an answer; detection tasks only.
        keypoint_shape: The (points, values a point) of pose.
    """

    task: Task
    output_format: str
    outputs: tuple[str, ...]
    recipe: Recipe
    input: NetworkInput
    labels: tuple[str, ...] = ()
    activation: str = "none"
    first_class: int = 0
    confidence: float = 0.25
    iou: float = 0.7
    max_detections: int = 300
    keypoint_shape: tuple[int, int] = (0, 0)

    def to_json(self) -> str:
        """The specification as JSON, which every built model carries in its metadata."""
        return json.dumps({**asdict(self), "task": self.task.value})

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """Read what `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text, object_hook=_tuples)
        return cls(
            **{
                **fields,
                "task": Task(fields["task"]),
                "recipe": Recipe(**fields["recipe"]),
                "input": NetworkInput(**fields["input"]),
            }
        )


def _tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}


def _parameter(value: object) -> str:
    if isinstance(value, tuple):
        return str(value[0]) if len(set(value)) == 1 else ",".join(map(str, value))
    return str(value).lower()
