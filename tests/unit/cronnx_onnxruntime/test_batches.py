from __future__ import annotations

import numpy as np
import pytest

from cronnx_onnxruntime import batches
from cronnx_onnxruntime.errors import InferenceError


def test_the_array_of_a_single_request_is_not_copied() -> None:
    array = np.zeros((2, 3))
    assert batches.concatenate([array]) is array


def test_the_rows_of_requests_follow_each_other() -> None:
    joined = batches.concatenate([np.full((1, 2), 1), np.full((3, 2), 2)])
    assert joined.tolist() == [[1, 1], [2, 2], [2, 2], [2, 2]]


def test_each_request_gets_its_rows_of_every_output() -> None:
    outputs = {"a": np.arange(6), "b": np.arange(12).reshape(6, 2)}
    first, second, third = batches.split(outputs, [1, 2, 3])
    assert [each["a"].tolist() for each in (first, second, third)] == [[0], [1, 2], [3, 4, 5]]
    assert second["b"].tolist() == [[2, 3], [4, 5]]


def test_the_rows_are_views_of_the_outputs() -> None:
    outputs = {"a": np.arange(6), "b": np.arange(12).reshape(6, 2)}
    for parts in batches.split(outputs, [4, 2]):
        assert all(np.shares_memory(part, outputs[name]) for name, part in parts.items())


@pytest.mark.parametrize("rows", [2, 4])
def test_an_output_with_more_or_fewer_rows_than_the_batch_is_an_error_with_its_name(rows: int) -> None:
    outputs = {"a": np.zeros(3), "found": np.zeros(rows)}
    with pytest.raises(
        InferenceError, match=f"output 'found': expected 3 rows, as many as in the batch, got {rows}"
    ) as error:
        list(batches.split(outputs, [1, 2]))
    assert not error.value.caller_at_fault
