from __future__ import annotations

from typing import Any

import pytest

from cronnx_preprocess.errors import ConfigError
from cronnx_preprocess.geometry import Resize
from cronnx_preprocess.options import Options


def config(parameters: dict[str, str], *, fp32: bool = False) -> dict[str, Any]:
    output = {"data_type": "TYPE_FP32", "dims": [3, 8, 8]} if fp32 else {"data_type": "TYPE_UINT8", "dims": [8, 8, 3]}
    return {
        "input": [{"name": "image", "data_type": "TYPE_STRING", "dims": [1]}],
        "output": [{"name": "pixels"} | output],
        "parameters": {name: {"string_value": text} for name, text in parameters.items()},
    }


def test_a_config_without_parameters_has_the_documented_defaults() -> None:
    bare = {name: value for name, value in config({}).items() if name != "parameters"}
    options = Options.from_model_config(bare)
    assert options == Options(tensors=options.tensors)
    assert (options.resize, options.resample.name, options.crop) == (Resize.SHORTEST_EDGE, "BICUBIC", 1.0)
    assert (options.max_bytes, options.max_pixels, options.threads) == (20_971_520, 50_000_000, 0)


def test_parameters_replace_the_defaults() -> None:
    options = Options.from_model_config(config({"crop": "0.5", "mean": "0.5", "threads": "3"}, fp32=True))
    assert (options.crop, options.mean, options.threads) == (0.5, (0.5, 0.5, 0.5), 3)


@pytest.mark.parametrize("name", ["mean", "std"])
def test_mean_and_std_need_an_fp32_output(name: str) -> None:
    with pytest.raises(ConfigError, match="need a TYPE_FP32 output"):
        Options.from_model_config(config({name: "0.5"}))


@pytest.mark.parametrize("resize", ["exact", "letterbox"])
def test_crop_needs_shortest_edge_unless_it_crops_nothing(resize: str) -> None:
    assert Options.from_model_config(config({"resize": resize, "crop": "1.0"})).crop == 1
    with pytest.raises(ConfigError, match=f"needs resize shortest_edge, not {resize}"):
        Options.from_model_config(config({"resize": resize, "crop": "0.9"}))
