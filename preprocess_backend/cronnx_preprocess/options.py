"""The options of a model: the tensors and the `parameters` of its config.pbtxt, checked when the model loads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from PIL.Image import Resampling

from cronnx_preprocess.errors import ConfigError
from cronnx_preprocess.geometry import Resize, Size
from cronnx_preprocess.resizing import FILTERS

ModelConfig = Mapping[str, Any]
Channels = tuple[float, float, float]

_RESAMPLINGS = {resampling.name.lower(): resampling for resampling in FILTERS}


class Layout(Enum):
    """The layout of the output, given by its `data_type`."""

    UINT8_NHWC = "TYPE_UINT8"
    FP32_NCHW = "TYPE_FP32"


@dataclass(frozen=True, kw_only=True)
class Tensors:
    """The input and the output of a model.

    Attributes:
        input_name: The name of the BYTES input; each of its elements is one payload.
        output_name: The name of the output.
        layout: The data type of the output and the order of its dims.
        size: The (width, height) of the output, in pixels.
    """

    input_name: str
    output_name: str
    layout: Layout
    size: Size


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a model preprocesses images.

    Attributes:
        tensors: The input and the output.
        resize: How an image is fitted to the output.
        resample: The resize filter.
        crop: With SHORTEST_EDGE, the fraction of the resized shorter side that the output keeps.
        mean: What is subtracted from RGB values of 0 to 1; FP32 output only.
        std: What the difference is divided by; FP32 output only.
        max_bytes: The largest image file accepted, in bytes.
        max_pixels: The largest image accepted, in pixels, judged by its header.
        threads: The number of images preprocessed at a time; 0 means one for each core.
        max_queue_size: The number of queued images from which further requests are refused.
        default_timeout_microseconds: The longest time that a request may be queued.
    """

    tensors: Tensors
    resize: Resize = Resize.SHORTEST_EDGE
    resample: Resampling = Resampling.BICUBIC
    crop: float = 1.0
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)
    max_bytes: int = 20 * 2**20
    max_pixels: int = 50_000_000
    threads: int = 0
    max_queue_size: int = 128
    default_timeout_microseconds: int = 10_000_000

    @classmethod
    def from_model_config(cls, config: ModelConfig) -> Options:
        """Read the options from a model configuration in Triton's JSON form.

        Raises:
            ConfigError: A tensor or a parameter is unknown, out of range, or contradicts another.
        """
        tensors = read_tensors(config)
        parameters = read_parameters(config.get("parameters", {}))
        if parameters.keys() & {"mean", "std"} and tensors.layout is not Layout.FP32_NCHW:
            raise ConfigError("parameters 'mean' and 'std'", f"expected a TYPE_FP32 output, got {tensors.layout.value}")
        options = cls(tensors=tensors, **parameters)
        if options.crop != 1 and options.resize is not Resize.SHORTEST_EDGE:
            raise ConfigError("parameter 'crop'", f"expected resize shortest_edge, got {options.resize.value}")
        return options


def read_tensors(config: ModelConfig) -> Tensors:
    """Read the input and the output that a model configuration declares.

    Raises:
        ConfigError: This backend cannot serve them.
    """
    image, pixels = _only_tensor(config, "input"), _only_tensor(config, "output")
    if (image["data_type"], _dims(image)) != ("TYPE_STRING", (1,)):
        raise ConfigError(_subject("input", image), f"expected TYPE_STRING with dims [1], got {_declaration(image)}")
    layout, size = _layout_and_size(pixels)
    return Tensors(input_name=image["name"], output_name=pixels["name"], layout=layout, size=size)


def _only_tensor(config: ModelConfig, role: str) -> ModelConfig:
    tensors: list[ModelConfig] = config.get(role, [])
    if len(tensors) != 1:
        raise ConfigError(role, f"expected one tensor, got {len(tensors)}")
    return tensors[0]


def _layout_and_size(tensor: ModelConfig) -> tuple[Layout, Size]:
    match tensor["data_type"], _dims(tensor):
        case "TYPE_UINT8", (int(height), int(width), 3) if min(height, width) > 0:
            return Layout.UINT8_NHWC, (width, height)
        case "TYPE_FP32", (3, int(height), int(width)) if min(height, width) > 0:
            return Layout.FP32_NCHW, (width, height)
    expected = "TYPE_UINT8 with dims [height, width, 3] or TYPE_FP32 with dims [3, height, width]"
    raise ConfigError(_subject("output", tensor), f"expected {expected}, got {_declaration(tensor)}")


def _dims(tensor: ModelConfig) -> tuple[int, ...]:
    return tuple(int(dim) for dim in tensor["dims"])


def _subject(role: str, tensor: ModelConfig) -> str:
    return f"{role} {tensor['name']!r}"


def _declaration(tensor: ModelConfig) -> str:
    return f"{tensor['data_type']} with dims {list(_dims(tensor))}"


class _Parameter(NamedTuple):
    parse: Callable[[str], Any]
    expected: str


def read_parameters(parameters: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Read the values of a model configuration's parameters, by name.

    Raises:
        ConfigError: A parameter is unknown or out of range.
    """
    return {name: _read_parameter(name, value["string_value"]) for name, value in parameters.items()}


def _read_parameter(name: str, text: str) -> Any:  # noqa: ANN401 - the type depends on the name
    if name not in _PARAMETERS:
        raise ConfigError(f"unknown parameter {name!r}", f"expected one of {', '.join(_PARAMETERS)}")
    parameter = _PARAMETERS[name]
    try:
        return parameter.parse(text)
    except (ValueError, KeyError) as error:
        raise ConfigError(f"parameter {name!r}", f"expected {parameter.expected}, got {text!r}") from error


def _number(text: str, *, minimum: float, maximum: float = 1.0) -> float:
    value = float(text)
    if not minimum <= value <= maximum:
        raise ValueError(value)
    return value


def _whole_number(text: str, *, minimum: int) -> int:
    value = int(text)
    if value < minimum:
        raise ValueError(value)
    return value


def _channels(text: str, *, minimum: float) -> Channels:
    values = [_number(part, minimum=minimum) for part in text.split(",")]
    red, green, blue = values * 3 if len(values) == 1 else values
    return red, green, blue


def _at_least_one(unit: str) -> _Parameter:
    return _Parameter(lambda text: _whole_number(text, minimum=1), f"a whole number of {unit}, at least 1")


_PARAMETERS = {
    "resize": _Parameter(Resize, f"one of {', '.join(resize.value for resize in Resize)}"),
    "resample": _Parameter(_RESAMPLINGS.__getitem__, f"one of {', '.join(_RESAMPLINGS)}"),
    "crop": _Parameter(lambda text: _number(text, minimum=0.1), "a number from 0.1 to 1"),
    "mean": _Parameter(
        lambda text: _channels(text, minimum=0), "one or three numbers from 0 to 1, of pixels from 0 to 1"
    ),
    "std": _Parameter(
        lambda text: _channels(text, minimum=1e-3), "one or three numbers from 0.001 to 1, of pixels from 0 to 1"
    ),
    "max_bytes": _at_least_one("bytes"),
    "max_pixels": _at_least_one("pixels"),
    "max_queue_size": _at_least_one("images"),
    "default_timeout_microseconds": _at_least_one("microseconds"),
    "threads": _Parameter(lambda text: _whole_number(text, minimum=0), "a whole number, 0 for one thread a core"),
}
