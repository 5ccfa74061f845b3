from __future__ import annotations

import pytest
from PIL.Image import Resampling

from cronnx_preprocess.errors import ConfigError
from cronnx_preprocess.geometry import Resize
from cronnx_preprocess.parameters import read_parameters


def read(**texts: str) -> dict[str, object]:
    return read_parameters({name: {"string_value": text} for name, text in texts.items()})


def test_every_parameter_is_read() -> None:
    assert read(
        resize="letterbox",
        resample="lanczos",
        crop="0.875",
        mean="0.485, 0.456, 0.406",
        std="0.5",
        max_bytes="1000",
        max_pixels="2000",
        threads="0",
        max_queue_size="16",
        default_timeout_microseconds="5",
    ) == {
        "resize": Resize.LETTERBOX,
        "resample": Resampling.LANCZOS,
        "crop": 0.875,
        "mean": (0.485, 0.456, 0.406),
        "std": (0.5, 0.5, 0.5),
        "max_bytes": 1000,
        "max_pixels": 2000,
        "threads": 0,
        "max_queue_size": 16,
        "default_timeout_microseconds": 5,
    }


@pytest.mark.parametrize("name", ["bicubic", "bilinear", "lanczos", "nearest", "box"])
def test_every_filter_is_named_as_pillow_names_it(name: str) -> None:
    assert read(resample=name) == {"resample": Resampling[name.upper()]}


def test_an_unknown_parameter_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"^parameter 'sharpen' is unknown, expected one of resize, "):
        read(sharpen="1")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("resize", "Exact"),
        ("resample", "cubic"),
        ("resample", "hamming"),
        ("crop", "0"),
        ("crop", "1.01"),
        ("crop", "nan"),
        ("crop", "most"),
        ("mean", "127"),
        ("mean", "0.5,0.5"),
        ("std", "0"),
        ("std", "0.5,,0.5"),
        ("max_bytes", "0"),
        ("max_bytes", "20M"),
        ("max_pixels", "-1"),
        ("threads", "-1"),
        ("threads", "1.5"),
        ("max_queue_size", "0"),
        ("default_timeout_microseconds", "0"),
    ],
)
def test_a_bad_value_is_refused_by_name_with_what_was_expected(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"^parameter '{name}' is '{text}', expected (one|a) "):
        read(**{name: text})
