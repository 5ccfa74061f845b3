from __future__ import annotations

import re
from typing import Any

import pytest
from PIL.Image import Resampling

from cronnx_preprocess.errors import ConfigError
from cronnx_preprocess.geometry import Position, Recipe, Resize, Rounding
from cronnx_preprocess.options import Decoder, Layout, Options, Tensors, read_parameters, read_tensors

IMAGE = {"name": "photo", "data_type": "TYPE_STRING", "dims": [1]}


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
    assert options == Options(tensors=options.tensors, recipe=Recipe(canvas=(8, 8)))
    assert (options.recipe.resize, options.resample.name) == (Resize.SHORTEST_EDGE, "BICUBIC")
    assert (options.max_bytes, options.max_pixels, options.threads) == (20_971_520, 65_000_000, 0)


def test_parameters_replace_the_defaults() -> None:
    options = Options.from_model_config(config({"resize_size": "9", "mean": "0.5", "threads": "3"}, fp32=True))
    assert (options.recipe.resize_size, options.mean, options.threads) == ((9, 9), (0.5, 0.5, 0.5), 3)


@pytest.mark.parametrize(
    ("groups", "processes"),
    [
        ([], 1),
        ([{"count": 3, "kind": "KIND_CPU", "gpus": []}], 3),
        ([{"count": 2, "kind": "KIND_GPU", "gpus": [0, 1, 2]}], 6),
        ([{"count": 2, "kind": "KIND_CPU"}, {"kind": "KIND_GPU", "gpus": [4]}], 3),
    ],
)
def test_the_processes_of_a_model_are_its_instances(groups: list[dict[str, Any]], processes: int) -> None:
    assert Options.from_model_config(config({}) | {"instance_group": groups}).processes == processes


@pytest.mark.parametrize("name", ["mean", "std"])
def test_mean_and_std_need_an_fp32_output(name: str) -> None:
    with pytest.raises(ConfigError, match="expected a TYPE_FP32 output, got TYPE_UINT8"):
        Options.from_model_config(config({name: "0.5"}))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"resize": "exact", "longest_edge": "9"},
            "parameter 'longest_edge': expected resize shortest_edge, got exact",
        ),
        ({"resize_size": "9,8"}, "parameter 'resize_size': expected one number for shortest_edge, got 9,8"),
        ({"multiple": "32"}, "parameter 'multiple': expected an output of variable size"),
        (
            {"antialias": "false", "resample": "lanczos"},
            "parameter 'antialias': expected resample bilinear or bicubic for false, got lanczos",
        ),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(parameters: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        Options.from_model_config(config(parameters))


def variable(parameters: dict[str, str]) -> dict[str, Any]:
    output = {"name": "pixels", "data_type": "TYPE_UINT8", "dims": [-1, -1, 3]}
    return config(parameters) | {"output": [output, {"name": "geometry", "data_type": "TYPE_FP32", "dims": [6]}]}


def test_a_canvas_may_follow_the_image() -> None:
    options = Options.from_model_config(variable({"resize": "letterbox", "resize_size": "480,640", "multiple": "32"}))
    assert options.recipe == Recipe(canvas=None, resize=Resize.LETTERBOX, resize_size=(640, 480), multiple=32)
    assert options.tensors.geometry_name == "geometry"


@pytest.mark.parametrize("parameters", [{}, {"resize": "exact", "resize_size": "9"}])
def test_a_canvas_that_follows_the_image_needs_a_size_to_aim_at(parameters: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"^output of variable size: expected resize_size, and shortest_edge"):
        Options.from_model_config(variable(parameters))


def read(**texts: str) -> dict[str, object]:
    return read_parameters({name: {"string_value": text} for name, text in texts.items()})


def test_every_parameter_is_read() -> None:
    assert read(
        resize="letterbox",
        resample="lanczos",
        resize_size="20,30",
        longest_edge="40",
        multiple="2",
        position="top_left",
        rounding="round",
        fill="1,2,3",
        antialias="false",
        mean="0.485, 0.456, 0.406",
        std="0.5",
        max_bytes="1000",
        max_pixels="2000",
        decoder="gpu",
        threads="0",
        max_queue_size="16",
        default_timeout_microseconds="5",
    ) == {
        "resize": Resize.LETTERBOX,
        "resample": Resampling.LANCZOS,
        "resize_size": (30, 20),
        "longest_edge": 40,
        "multiple": 2,
        "position": Position.TOP_LEFT,
        "rounding": Rounding.ROUND,
        "fill": (1, 2, 3),
        "antialias": False,
        "mean": (0.485, 0.456, 0.406),
        "std": (0.5, 0.5, 0.5),
        "max_bytes": 1000,
        "max_pixels": 2000,
        "decoder": Decoder.GPU,
        "threads": 0,
        "max_queue_size": 16,
        "default_timeout_microseconds": 5,
    }


@pytest.mark.parametrize("name", ["bicubic", "bilinear", "lanczos", "nearest", "box", "hamming"])
def test_every_filter_is_named_as_pillow_names_it(name: str) -> None:
    assert read(resample=name) == {"resample": Resampling[name.upper()]}


def test_an_unknown_parameter_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"^unknown parameter 'sharpen': expected one of resize, "):
        read(sharpen="1")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("resize", "Exact"),
        ("resample", "cubic"),
        ("antialias", "yes"),
        ("resize_size", "0"),
        ("resize_size", "1,2,3"),
        ("longest_edge", "most"),
        ("position", "left"),
        ("rounding", "ceil"),
        ("fill", "256"),
        ("fill", "1,2"),
        ("mean", "127"),
        ("mean", "0.5,0.5"),
        ("std", "0"),
        ("std", "0.5,,0.5"),
        ("max_bytes", "0"),
        ("max_bytes", "20M"),
        ("max_pixels", "-1"),
        ("decoder", "cuda"),
        ("threads", "-1"),
        ("threads", "1.5"),
        ("max_queue_size", "0"),
        ("default_timeout_microseconds", "0"),
    ],
)
def test_a_bad_value_is_refused_by_name_with_what_was_expected(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"^parameter '{name}': expected (one|a) .*, got '{text}'$"):
        read(**{name: text})


def tensors_config(data_type: str, dims: list[Any]) -> dict[str, Any]:
    return {"input": [IMAGE], "output": [{"name": "x", "data_type": data_type, "dims": dims}]}


@pytest.mark.parametrize(
    ("data_type", "dims", "layout"),
    [
        ("TYPE_UINT8", [112, 224, 3], Layout.UINT8_NHWC),
        ("TYPE_FP32", [3, 112, 224], Layout.FP32_NCHW),
        ("TYPE_FP32", ["3", "112", "224"], Layout.FP32_NCHW),  # protobuf's JSON for 64-bit integers
    ],
)
def test_names_layout_and_size_come_from_the_config(data_type: str, dims: list[Any], layout: Layout) -> None:
    tensors = read_tensors(tensors_config(data_type, dims))
    assert tensors == Tensors(input_name="photo", output_name="x", geometry_name="", layout=layout, canvas=(224, 112))


@pytest.mark.parametrize(
    ("data_type", "dims"),
    [
        ("TYPE_UINT8", [3, 224, 224]),
        ("TYPE_FP32", [224, 224, 3]),
        ("TYPE_FP16", [3, 224, 224]),
        ("TYPE_UINT8", [-1, 224, 3]),
        ("TYPE_UINT8", [224, 224]),
    ],
)
def test_any_other_output_is_refused_with_what_it_is(data_type: str, dims: list[int]) -> None:
    message = (
        "output 'x': expected TYPE_UINT8 with dims [height, width, 3] or [-1, -1, 3], or TYPE_FP32 with dims "
        f"[3, height, width], got {data_type} with dims {dims}"
    )
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_tensors(tensors_config(data_type, dims))


@pytest.mark.parametrize(("data_type", "dims"), [("TYPE_UINT8", [1]), ("TYPE_STRING", [2]), ("TYPE_STRING", [-1])])
def test_any_other_input_is_refused_with_what_it_is(data_type: str, dims: list[int]) -> None:
    wrong = tensors_config("TYPE_UINT8", [8, 8, 3]) | {"input": [IMAGE | {"data_type": data_type, "dims": dims}]}
    with pytest.raises(
        ConfigError,
        match=re.escape(f"input 'photo': expected TYPE_STRING with dims [1], got {data_type} with dims {dims}"),
    ):
        read_tensors(wrong)


def test_one_input_is_expected() -> None:
    declared = tensors_config("TYPE_UINT8", [8, 8, 3])
    with pytest.raises(ConfigError, match=r"^input: expected one tensor, got 2$"):
        read_tensors(declared | {"input": declared["input"] * 2})
    with pytest.raises(ConfigError, match=r"^input: expected one tensor, got 0$"):
        read_tensors({name: value for name, value in declared.items() if name != "input"})


def test_pixels_and_perhaps_geometry_are_expected() -> None:
    declared = tensors_config("TYPE_UINT8", [8, 8, 3])
    with pytest.raises(ConfigError, match=r"^output: expected pixels, or pixels and geometry, got 3 tensors$"):
        read_tensors(declared | {"output": declared["output"] * 3})
    wrong = {"name": "y", "data_type": "TYPE_FP32", "dims": [4]}
    with pytest.raises(ConfigError, match=r"^output 'y': expected TYPE_FP32 with dims \[6\], got TYPE_FP32 with dims"):
        read_tensors(declared | {"output": [*declared["output"], wrong]})
