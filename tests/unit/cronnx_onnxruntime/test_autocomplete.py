from __future__ import annotations

import pytest

from cronnx_onnxruntime import autocomplete
from cronnx_onnxruntime.errors import ConfigError
from cronnx_onnxruntime.signature import Signature, Tensor
from tests.unit.cronnx_onnxruntime.configs import Config, config, tensor

BATCHING = Signature((Tensor("x", "TYPE_FP32", (-1, 3)),), (Tensor("y", "TYPE_INT64", (-1, -1)),))
FIXED = Signature((Tensor("x", "TYPE_FP32", (2, 3)),), (Tensor("y", "TYPE_INT64", (2, -1)),))
ONE_NUMBER_EACH = Signature((Tensor("x", "TYPE_FP32", (-1,)),), (Tensor("y", "TYPE_FP32", (-1,)),))
SCALARS = Signature((Tensor("x", "TYPE_FP32", ()),), (Tensor("y", "TYPE_FP32", ()),))


@pytest.mark.parametrize(
    ("inputs", "outputs", "complete"),
    [
        ([tensor("x", [3])], [tensor("y", [3])], True),
        ([tensor("x", [3])], [], False),
        ([], [tensor("y", [3])], False),
        ([], [], False),
    ],
)
def test_a_configuration_is_complete_with_inputs_and_outputs(
    inputs: list[Config], outputs: list[Config], complete: bool
) -> None:
    assert autocomplete.is_complete(config(inputs, outputs)) is complete


def test_a_graph_that_can_batch_gets_four_a_batch_and_dynamic_batching() -> None:
    assert autocomplete.completions(config(), BATCHING) == {
        "max_batch_size": 4,
        "dynamic_batching": {},
        "input": [tensor("x", [3])],
        "output": [tensor("y", [-1], "TYPE_INT64")],
    }


def test_a_graph_of_fixed_shape_gets_its_whole_shape_and_no_batching() -> None:
    assert autocomplete.completions(config(), FIXED) == {
        "max_batch_size": 0,
        "input": [tensor("x", [2, 3])],
        "output": [tensor("y", [2, -1], "TYPE_INT64")],
    }


def test_a_number_an_example_is_reshaped_to_none() -> None:
    fields = autocomplete.completions(config(), ONE_NUMBER_EACH)
    assert fields["input"] == [tensor("x", [1], reshape={"shape": []})]


def test_a_scalar_has_dims_of_one() -> None:
    assert autocomplete.completions(config(), SCALARS)["output"] == [tensor("y", [1])]


def test_a_given_max_batch_size_stays() -> None:
    fields = autocomplete.completions(config(max_batch_size=16), BATCHING)
    assert fields["max_batch_size"] == 16
    assert fields["dynamic_batching"] == {}


def test_a_max_batch_size_of_one_needs_no_dynamic_batching() -> None:
    assert "dynamic_batching" not in autocomplete.completions(config(max_batch_size=1), BATCHING)


def test_given_dynamic_batching_stays() -> None:
    asked = config(dynamic_batching={"max_queue_delay_microseconds": 100})
    assert "dynamic_batching" not in autocomplete.completions(asked, BATCHING)


def test_given_inputs_stay() -> None:
    fields = autocomplete.completions(config([tensor("x", [3])]), BATCHING)
    assert "input" not in fields
    assert fields["output"]


def test_a_constant_that_may_be_given_is_no_input_and_does_not_end_batching() -> None:
    offset = Tensor("offset", "TYPE_FP32", (1,), optional=True)
    fields = autocomplete.completions(config(), Signature((*BATCHING.inputs, offset), BATCHING.outputs))
    assert [entry["name"] for entry in fields["input"]] == ["x"]
    assert fields["max_batch_size"] == 4


def test_a_max_batch_size_for_a_graph_of_fixed_shape_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"max_batch_size: expected 0, .* got 8"):
        autocomplete.completions(config(max_batch_size=8), FIXED)


def test_a_configuration_with_batch_inputs_and_outputs_is_complete() -> None:
    assert autocomplete.is_complete(config([], [tensor("y", [3])], batch_input=[{"target_name": ["x"]}]))
