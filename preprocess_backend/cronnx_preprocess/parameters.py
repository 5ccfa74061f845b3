"""The `parameters` of a model config: what each text means, and what it may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cronnx_preprocess.errors import ConfigError
from cronnx_preprocess.geometry import Resize
from cronnx_preprocess.resizing import FILTERS

Channels = tuple[float, float, float]

_FILTERS = {resampling.name.lower(): resampling for resampling in FILTERS}


class _Parameter(NamedTuple):
    parse: Callable[[str], Any]
    expected: str


def read_parameters(parameters: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The values of a model config's parameters, by name.

    Raises:
        ConfigError: One is unknown or out of range.
    """
    return {name: _read(name, value["string_value"]) for name, value in parameters.items()}


def _read(name: str, text: str) -> Any:  # noqa: ANN401 - the type depends on the name
    subject = f"parameter {name!r}"
    if name not in _PARAMETERS:
        raise ConfigError(subject, f"is unknown, expected one of {', '.join(_PARAMETERS)}")
    parameter = _PARAMETERS[name]
    try:
        return parameter.parse(text)
    except (ValueError, KeyError) as error:
        raise ConfigError(subject, f"is {text!r}, expected {parameter.expected}") from error


def _number(text: str, *, least: float, most: float = 1.0) -> float:
    value = float(text)
    if not least <= value <= most:
        raise ValueError(value)
    return value


def _whole(text: str, *, least: int) -> int:
    value = int(text)
    if value < least:
        raise ValueError(value)
    return value


def _channels(text: str, *, least: float) -> Channels:
    values = [_number(part, least=least) for part in text.split(",")]
    red, green, blue = values * 3 if len(values) == 1 else values
    return red, green, blue


_PARAMETERS = {
    "resize": _Parameter(Resize, f"one of {', '.join(resize.value for resize in Resize)}"),
    "resample": _Parameter(_FILTERS.__getitem__, f"one of {', '.join(_FILTERS)}"),
    "crop": _Parameter(lambda text: _number(text, least=0.1), "a number from 0.1 to 1"),
    "mean": _Parameter(
        lambda text: _channels(text, least=0), "one or three numbers from 0 to 1, of pixels from 0 to 1"
    ),
    "std": _Parameter(
        lambda text: _channels(text, least=1e-3),
        "one or three numbers from 0.001 to 1, of pixels from 0 to 1",
    ),
    "max_bytes": _Parameter(lambda text: _whole(text, least=1), "a whole number of bytes, at least 1"),
    "max_pixels": _Parameter(lambda text: _whole(text, least=1), "a whole number of pixels, at least 1"),
    "max_queue_size": _Parameter(lambda text: _whole(text, least=1), "a whole number of images, at least 1"),
    "default_timeout_microseconds": _Parameter(
        lambda text: _whole(text, least=1), "a whole number of microseconds, at least 1"
    ),
    "threads": _Parameter(lambda text: _whole(text, least=0), "a whole number, 0 for one a core"),
}
