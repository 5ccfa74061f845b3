from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from cronnx_server import arguments


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (arguments.positive_int, "16", 16),
        (arguments.positive_float, "0.5", 0.5),
        (arguments.seconds, "2.5", 2.5),
        (arguments.port, "8000", 8000),
        (arguments.port_or_any, "0", 0),
        (arguments.http_url, "http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ],
)
def test_a_text_is_read(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (arguments.positive_int, "0", "a whole number from 1"),
        (arguments.positive_int, "1.5", "a whole number from 1"),
        (arguments.positive_float, "-1", "a number above 0"),
        (arguments.positive_float, "inf", "a number above 0"),
        (arguments.seconds, "nan", "a number of seconds above 0"),
        (arguments.seconds, "soon", "a number of seconds above 0"),
        (arguments.port, "0", "a port from 1 to 65535"),
        (arguments.port, "65536", "a port from 1 to 65535"),
        (arguments.port_or_any, "-1", "a port from 1 to 65535"),
        (arguments.http_url, "127.0.0.1:8000", "http://HOST:PORT or https://HOST:PORT"),
        (arguments.http_url, "grpc://127.0.0.1:8001", "http://HOST:PORT or https://HOST:PORT"),
    ],
)
def test_another_text_is_refused_with_what_was_expected(
    read: Callable[[str], object], text: str, expected: str
) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"^expected {expected}, got '{text}'$"):
        read(text)
