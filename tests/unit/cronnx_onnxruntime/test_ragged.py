from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cronnx_onnxruntime.errors import ConfigError, InferenceError
from cronnx_onnxruntime.ragged import SCATTER, BatchOutput, ragged
from tests.unit.cronnx_onnxruntime.configs import Config, config, tensor

SHAPES = [(2, 3, 1), (1, 2, 2)]  # a request of two items of [3, 1] and one of an item of [2, 2]


def batch_input(kind: str, *, data_type: str = "TYPE_INT32", source: str = "x") -> Config:
    return {"kind": kind, "target_name": ["counted"], "data_type": data_type, "source_input": [source]}


def given(*entries: Config, **fields: Any) -> Config:
    return config([tensor("x", [-1])], [tensor("y", [-1])], max_batch_size=8, batch_input=list(entries), **fields)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("BATCH_ELEMENT_COUNT", [6, 4]),
        ("BATCH_ACCUMULATED_ELEMENT_COUNT", [6, 10]),
        ("BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO", [0, 6, 10]),
        ("BATCH_ITEM_SHAPE", [[3, 1], [3, 1], [2, 2]]),
        ("BATCH_ITEM_SHAPE_FLATTEN", [3, 1, 3, 1, 2, 2]),
    ],
)
@pytest.mark.parametrize("data_type", ["TYPE_INT32", "TYPE_FP32"])
def test_a_batch_input_is_computed_from_the_shapes_by_its_kind(kind: str, expected: list[Any], data_type: str) -> None:
    (counted,) = ragged(given(batch_input(kind, data_type=data_type))).batch_inputs
    assert counted.array(SHAPES).tolist() == expected
    assert counted.array(SHAPES).dtype == {"TYPE_INT32": np.int32, "TYPE_FP32": np.float32}[data_type]


def test_the_largest_element_count_is_given_as_a_length() -> None:
    (counted,) = ragged(given(batch_input("BATCH_MAX_ELEMENT_COUNT_AS_SHAPE"))).batch_inputs
    assert counted.array(SHAPES).shape == (6,)


def test_only_the_inputs_that_allow_it_are_ragged() -> None:
    asked = config([tensor("x", [-1], allow_ragged_batch=True), tensor("z", [3], allow_ragged_batch=False)])
    assert ragged(asked).inputs == {"x"}


def test_an_output_is_cut_by_the_shapes_of_its_source() -> None:
    output = BatchOutput("y", (-1, 2, -1), "x")
    first, second = output.pieces(np.arange(8), [(1, 9, 3), (1, 9, 1)])
    assert first.tolist() == [[[0, 1, 2], [3, 4, 5]]]
    assert second.tolist() == [[[6], [7]]]


def test_an_output_of_another_size_than_its_sources_is_an_error_with_its_name() -> None:
    output = BatchOutput("y", (-1, -1), "x")
    with pytest.raises(InferenceError, match="output 'y': expected 7 elements by the shapes of 'x', got 8"):
        output.pieces(np.arange(8), [(1, 3), (1, 4)])


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (given(batch_input("BATCH_SIZE")), "batch_input 'counted': expected kind to be .* got 'BATCH_SIZE'"),
        (
            given(batch_input("BATCH_ELEMENT_COUNT", data_type="TYPE_INT64")),
            "expected data_type to be one of TYPE_INT32, TYPE_FP32, got 'TYPE_INT64'",
        ),
        (
            given(batch_input("BATCH_ELEMENT_COUNT", source="z")),
            "batch_input 'counted': expected source_input .* got 'z'",
        ),
        (
            given(batch_output=[{"target_name": ["y"], "kind": "OTHER", "source_input": ["x"]}]),
            "batch_output 'y': expected kind .* got 'OTHER'",
        ),
        (
            given(batch_output=[{"target_name": ["z"], "kind": SCATTER, "source_input": ["x"]}]),
            "expected target_name .* got 'z'",
        ),
        (
            config(
                [tensor("x", [-1])],
                [tensor("y", [2, -1])],
                batch_output=[{"target_name": ["y"], "kind": SCATTER, "source_input": ["x"]}],
            ),
            "batch_output 'y': expected -1 only in the first 1 of its dims, .* 'x' has, got .2, -1.",
        ),
    ],
)
def test_an_unknown_kind_data_type_or_tensor_is_refused_by_name(asked: Config, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        ragged(asked)
