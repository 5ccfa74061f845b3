from __future__ import annotations

import re
from typing import Any

import pytest

from cronnx_preprocess.errors import ConfigError
from cronnx_preprocess.tensors import Layout, Tensors, read_tensors

IMAGE = {"name": "photo", "data_type": "TYPE_STRING", "dims": [1]}


def config(data_type: str, dims: list[Any]) -> dict[str, Any]:
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
    tensors = read_tensors(config(data_type, dims))
    assert tensors == Tensors(input_name="photo", output_name="x", layout=layout, size=(224, 112))


@pytest.mark.parametrize(
    ("data_type", "dims"),
    [
        ("TYPE_UINT8", [3, 224, 224]),
        ("TYPE_FP32", [224, 224, 3]),
        ("TYPE_FP16", [3, 224, 224]),
        ("TYPE_UINT8", [-1, -1, 3]),
        ("TYPE_UINT8", [224, 224]),
    ],
)
def test_any_other_output_is_refused_with_what_it_is(data_type: str, dims: list[int]) -> None:
    message = f"output 'x' is {data_type} with dims {dims}, expected TYPE_UINT8 with dims [height, width, 3] or"
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_tensors(config(data_type, dims))


@pytest.mark.parametrize(("data_type", "dims"), [("TYPE_UINT8", [1]), ("TYPE_STRING", [2]), ("TYPE_STRING", [-1])])
def test_any_other_input_is_refused_with_what_it_is(data_type: str, dims: list[int]) -> None:
    wrong = config("TYPE_UINT8", [8, 8, 3]) | {"input": [IMAGE | {"data_type": data_type, "dims": dims}]}
    with pytest.raises(ConfigError, match=re.escape(f"input 'photo' is {data_type} with dims {dims}")):
        read_tensors(wrong)


@pytest.mark.parametrize("role", ["input", "output"])
def test_one_input_and_one_output_are_expected(role: str) -> None:
    declared = config("TYPE_UINT8", [8, 8, 3])
    with pytest.raises(ConfigError, match=f"^{role} has 2 tensors, expected one$"):
        read_tensors(declared | {role: declared[role] * 2})
    with pytest.raises(ConfigError, match=f"^{role} has 0 tensors, expected one$"):
        read_tensors({name: value for name, value in declared.items() if name != role})
