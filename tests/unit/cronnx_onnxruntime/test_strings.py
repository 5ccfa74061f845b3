from __future__ import annotations

import numpy as np
import pytest

from cronnx_onnxruntime import strings
from cronnx_onnxruntime.errors import InferenceError


def test_bytes_become_text_in_the_same_shape() -> None:
    array = np.array([[b"a", "é".encode()], [b"", b"a\0b"]], dtype=object)
    assert strings.decoded(array, tensor="x").tolist() == [["a", "é"], ["", "a\0b"]]


def test_no_elements_stay_no_elements() -> None:
    assert strings.decoded(np.empty((0, 3), dtype=object), tensor="x").shape == (0, 3)


def test_a_string_that_is_not_utf_8_is_the_callers_error_and_says_where() -> None:
    array = np.array([[b"fine"], [b"ab\xff"]], dtype=object)
    with pytest.raises(InferenceError, match=r"input 'x': element 1 is not UTF-8 .* at byte 2") as error:
        strings.decoded(array, tensor="x")
    assert error.value.caller_at_fault
