from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cronnx import InvalidInput
from cronnx._tensors import checked_tensors


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_numbers_stay_as_they_are(dtype: Any) -> None:
    tensor = np.ones((2, 3), dtype)
    assert checked_tensors({"pixels": tensor})["pixels"] is tensor


@pytest.mark.parametrize("elements", [[b"a", b"bc"], ["ä", "bc"]])
def test_text_and_bytes_become_objects(elements: list[Any]) -> None:
    checked = checked_tensors({"image": np.array(elements)})["image"]
    assert checked.dtype == object
    assert checked.tolist() == elements


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        ([1, 2], "'pixels' is of type list, expected a numpy array"),
        (np.ones(2, np.complex64), "'pixels' has dtype complex64"),
        (np.array(["2024-01-01"], "datetime64[D]"), "'pixels' has dtype datetime64"),
        (np.array([1, b"a"], dtype=object), "'pixels' holds objects, expected bytes or str"),
    ],
)
def test_what_the_protocol_cannot_carry_is_refused_by_its_name(tensor: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        checked_tensors({"pixels": tensor})
