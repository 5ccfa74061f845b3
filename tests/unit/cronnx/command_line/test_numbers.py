from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from cronnx.command_line._numbers import count, counts, seconds


def test_numbers_are_read() -> None:
    assert (count("16"), counts("1, 4,16"), seconds("0.5")) == (16, [1, 4, 16], 0.5)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        *((count, text) for text in ("0", "-1", "1.5", "many", "")),
        *((counts, text) for text in ("", "1,", "1,0", "1;2")),
        *((seconds, text) for text in ("0", "-1", "inf", "nan", "soon", "")),
    ],
)
def test_what_is_no_number_of_the_kind_is_refused(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a"):
        read(text)
