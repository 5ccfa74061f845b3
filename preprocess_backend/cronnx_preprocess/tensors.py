"""The tensors of a model config: one image in, one picture of pixels out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from cronnx_preprocess.errors import ConfigError
from cronnx_preprocess.geometry import Size

ModelConfig = Mapping[str, Any]


class Layout(Enum):
    """What an output's pixels are, by its `data_type`."""

    UINT8_NHWC = "TYPE_UINT8"
    FP32_NCHW = "TYPE_FP32"


@dataclass(frozen=True, kw_only=True)
class Tensors:
    """A model's input and output.

    Attributes:
        input_name: The BYTES input, one payload an element.
        output_name: The output.
        layout: Its data type, and the order of its dims.
        size: Its (width, height), in pixels.
    """

    input_name: str
    output_name: str
    layout: Layout
    size: Size


def read_tensors(config: ModelConfig) -> Tensors:
    """The tensors that a model config declares.

    Raises:
        ConfigError: They are not an input and an output of the kinds this backend serves.
    """
    image, pixels = _only(config, "input"), _only(config, "output")
    if (image["data_type"], _dims(image)) != ("TYPE_STRING", (1,)):
        raise ConfigError(_subject("input", image), f"is {_kind(image)}, expected TYPE_STRING with dims [1]")
    layout, size = _pixels(pixels)
    return Tensors(input_name=image["name"], output_name=pixels["name"], layout=layout, size=size)


def _only(config: ModelConfig, role: str) -> ModelConfig:
    tensors: list[ModelConfig] = config.get(role, [])
    if len(tensors) != 1:
        raise ConfigError(f"{role}", f"has {len(tensors)} tensors, expected one")
    return tensors[0]


def _pixels(tensor: ModelConfig) -> tuple[Layout, Size]:
    match tensor["data_type"], _dims(tensor):
        case "TYPE_UINT8", (int(height), int(width), 3) if min(height, width) > 0:
            return Layout.UINT8_NHWC, (width, height)
        case "TYPE_FP32", (3, int(height), int(width)) if min(height, width) > 0:
            return Layout.FP32_NCHW, (width, height)
    expected = "TYPE_UINT8 with dims [height, width, 3] or TYPE_FP32 with dims [3, height, width]"
    raise ConfigError(_subject("output", tensor), f"is {_kind(tensor)}, expected {expected}")


def _dims(tensor: ModelConfig) -> tuple[int, ...]:
    return tuple(int(dim) for dim in tensor["dims"])


def _subject(role: str, tensor: ModelConfig) -> str:
    return f"{role} {tensor['name']!r}"


def _kind(tensor: ModelConfig) -> str:
    return f"{tensor['data_type']} with dims {list(_dims(tensor))}"
