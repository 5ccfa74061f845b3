"""Settings and options of all tests."""

from __future__ import annotations

import signal

import pytest

# A shell starts background jobs with Ctrl-C ignored, and child processes of the tests would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--hot-swap-seconds",
        type=float,
        default=0.0,
        help="spread thirty swaps of models under load over this time; by default each kind of swap happens once",
    )
    parser.addoption(
        "--whole-corpus",
        action="store_true",
        help="send every bad picture in each of the four ways instead of one",
    )
    parser.addoption(
        "--whole-onnx-suite",
        action="store_true",
        help="run every case of the ONNX project's backend test suite (half an hour) instead of a sample",
    )
