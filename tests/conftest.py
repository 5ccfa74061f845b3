"""What every test can rely on."""

from __future__ import annotations

import signal

import pytest

# A shell starts what it runs in the background with Ctrl-C ignored, and a child of the tests would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--hot-swap-seconds",
        type=float,
        default=8.0,
        help="how long tests/server/test_hot_swap.py swaps models under load, thirty times; 60 is every 2 s",
    )
    parser.addoption(
        "--whole-onnx-suite",
        action="store_true",
        help="run every case of the ONNX project's backend test suite in a server (half an hour), not a part",
    )
