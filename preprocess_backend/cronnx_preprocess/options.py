"""The options of a model: the tensors and the `parameters` of its config.pbtxt, checked when the model loads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from PIL.Image import Resampling

from cronnx_preprocess.errors import ConfigError
from cronnx_preprocess.geometry import Position, Recipe, Resize, Rounding, Size
from cronnx_preprocess.resizing import FILTERS, INTERPOLATIONS

ModelConfig = Mapping[str, Any]
Channels = tuple[float, float, float]
Colour = tuple[int, int, int]

_RESAMPLINGS = {resampling.name.lower(): resampling for resampling in FILTERS}


class Decoder(Enum):
    """Where images are decoded."""

    CPU = "cpu"
    GPU = "gpu"
    """On the GPU of the instance where it decodes them as Pillow does, else on the CPU."""


class Layout(Enum):
    """The layout of the output, given by its `data_type`."""

    UINT8_NHWC = "TYPE_UINT8"
    FP32_NCHW = "TYPE_FP32"


@dataclass(frozen=True, kw_only=True)
class Tensors:
    """The input and the outputs of a model.

    Attributes:
        input_name: The name of the BYTES input; each of its elements is one payload.
        output_name: The name of the output of pixels.
        geometry_name: The name of the output FP32 [6] that says where an image lies; empty if there is none.
        layout: The data type of the pixels and the order of their dims.
        canvas: The (width, height) of the pixels; None if they follow the image.
    """

    input_name: str
    output_name: str
    geometry_name: str
    layout: Layout
    canvas: Size | None


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a model preprocesses images.

    Attributes:
        tensors: The input and the outputs.
        recipe: How an image is fitted to the canvas.
        fill: The colour of the padding, RGB.
        resample: The resize filter.
        antialias: Whether the filter widens where an image shrinks. Pillow's do; OpenCV's do not.
        mean: What is subtracted from RGB values of 0 to 1; FP32 output only.
        std: What the difference is divided by; FP32 output only.
        max_bytes: The largest image file accepted, in bytes.
        max_pixels: The largest image accepted, in pixels, judged by its header.
        decoder: Where images are decoded.
        threads: The number of images preprocessed at a time; 0 means this process's share of the cores.
        processes: The number of processes that serve the model; its `instance_group` says it.
        max_queue_size: The number of queued images from which further requests are refused.
        default_timeout_microseconds: The longest time that a request may be queued.
    """

    tensors: Tensors
    recipe: Recipe
    fill: Colour = (0, 0, 0)
    resample: Resampling = Resampling.BICUBIC
    antialias: bool = True
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)
    max_bytes: int = 20 * 2**20
    max_pixels: int = 65_000_000
    decoder: Decoder = Decoder.CPU
    threads: int = 0
    processes: int = 1
    max_queue_size: int = 128
    default_timeout_microseconds: int = 10_000_000

    @property
    def averages(self) -> bool:
        """Whether a pixel of a smaller image is an average, so that a JPEG may be decoded at a smaller size."""
        return self.antialias and self.resample is not Resampling.NEAREST

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
        fitted = {name: parameters.pop(name) for name in _RECIPE_PARAMETERS & parameters.keys()}
        recipe = Recipe(canvas=tensors.canvas, **fitted)
        _check_recipe(recipe)
        options = cls(tensors=tensors, recipe=recipe, processes=_processes(config), **parameters)
        if not options.antialias and options.resample not in INTERPOLATIONS:
            raise ConfigError(
                "parameter 'antialias'",
                f"expected resample bilinear or bicubic for false, got {options.resample.name.lower()}",
            )
        return options


def _processes(config: ModelConfig) -> int:
    """The number of processes that serve a model; Triton has filled in the GPUs of each group."""
    groups: list[ModelConfig] = config.get("instance_group", [])
    return max(1, sum(max(1, int(group.get("count", 0))) * max(1, len(group.get("gpus", ()))) for group in groups))


def _check_recipe(recipe: Recipe) -> None:
    """Refuse a recipe that cannot be followed, or whose canvas has no bound."""
    resize, size = recipe.resize, recipe.resize_size
    if recipe.longest_edge is not None and resize is not Resize.SHORTEST_EDGE:
        raise ConfigError("parameter 'longest_edge'", f"expected resize shortest_edge, got {resize.value}")
    if resize is Resize.SHORTEST_EDGE and size and size[0] != size[1]:
        raise ConfigError("parameter 'resize_size'", f"expected one number for shortest_edge, got {size[1]},{size[0]}")
    if resize is Resize.SHORTEST_EDGE and not size and recipe.canvas and recipe.canvas[0] != recipe.canvas[1]:
        raise ConfigError("parameter 'resize_size'", "expected a number, because the output is not square; got none")
    if recipe.canvas is None and (size is None or resize is Resize.EXACT):
        raise ConfigError(
            "output of variable size", "expected resize_size, and shortest_edge, letterbox or nearest_scale as resize"
        )
    if recipe.canvas is not None and recipe.multiple != 1 and resize is not Resize.NEAREST_SCALE:
        raise ConfigError("parameter 'multiple'", "expected an output of variable size")


def read_tensors(config: ModelConfig) -> Tensors:
    """Read the input and the outputs that a model configuration declares.

    Raises:
        ConfigError: This backend cannot serve them.
    """
    image, (pixels, *others) = _only_input(config), _outputs(config)
    if (image["data_type"], _dims(image)) != ("TYPE_STRING", (1,)):
        raise ConfigError(_subject("input", image), f"expected TYPE_STRING with dims [1], got {_declaration(image)}")
    layout, canvas = _layout_and_canvas(pixels)
    for geometry in others:
        if (geometry["data_type"], _dims(geometry)) != ("TYPE_FP32", (6,)):
            raise ConfigError(
                _subject("output", geometry), f"expected TYPE_FP32 with dims [6], got {_declaration(geometry)}"
            )
    return Tensors(
        input_name=image["name"],
        output_name=pixels["name"],
        geometry_name=others[0]["name"] if others else "",
        layout=layout,
        canvas=canvas,
    )


def _only_input(config: ModelConfig) -> ModelConfig:
    tensors: list[ModelConfig] = config.get("input", [])
    if len(tensors) != 1:
        raise ConfigError("input", f"expected one tensor, got {len(tensors)}")
    return tensors[0]


def _outputs(config: ModelConfig) -> list[ModelConfig]:
    tensors: list[ModelConfig] = config.get("output", [])
    if len(tensors) not in (1, 2):
        raise ConfigError("output", f"expected pixels, or pixels and geometry, got {len(tensors)} tensors")
    return tensors


def _layout_and_canvas(tensor: ModelConfig) -> tuple[Layout, Size | None]:
    match tensor["data_type"], _dims(tensor):
        case "TYPE_UINT8", (int(height), int(width), 3) if min(height, width) > 0:
            return Layout.UINT8_NHWC, (width, height)
        case "TYPE_UINT8", (-1, -1, 3):
            return Layout.UINT8_NHWC, None
        case "TYPE_FP32", (3, int(height), int(width)) if min(height, width) > 0:
            return Layout.FP32_NCHW, (width, height)
    expected = "TYPE_UINT8 with dims [height, width, 3] or [-1, -1, 3], or TYPE_FP32 with dims [3, height, width]"
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


def _colour(text: str) -> Colour:
    values = [_whole_number(part, minimum=0) for part in text.split(",")]
    red, green, blue = values * 3 if len(values) == 1 else values
    if max(red, green, blue) > 255:
        raise ValueError(text)
    return red, green, blue


def _size(text: str) -> Size:
    sides = [_whole_number(part, minimum=1) for part in text.split(",")]
    height, width = sides * 2 if len(sides) == 1 else sides
    return width, height


def _one_of(choices: type[Enum]) -> _Parameter:
    return _Parameter(choices, f"one of {', '.join(each.value for each in choices)}")


def _at_least_one(unit: str) -> _Parameter:
    return _Parameter(lambda text: _whole_number(text, minimum=1), f"a whole number of {unit}, at least 1")


_PARAMETERS = {
    "resize": _one_of(Resize),
    "resize_size": _Parameter(_size, "a number of pixels, or height,width"),
    "longest_edge": _at_least_one("pixels"),
    "multiple": _at_least_one("pixels"),
    "position": _one_of(Position),
    "rounding": _one_of(Rounding),
    "fill": _Parameter(_colour, "one or three whole numbers from 0 to 255"),
    "resample": _Parameter(_RESAMPLINGS.__getitem__, f"one of {', '.join(_RESAMPLINGS)}"),
    "antialias": _Parameter({"true": True, "false": False}.__getitem__, "one of true, false"),
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
    "decoder": _one_of(Decoder),
    "threads": _Parameter(lambda text: _whole_number(text, minimum=0), "a whole number, 0 for the share of the cores"),
}

_RECIPE_PARAMETERS = {"resize", "resize_size", "longest_edge", "multiple", "position", "rounding"}
