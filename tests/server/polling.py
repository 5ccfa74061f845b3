"""Waiting by polling a condition."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

TIMEOUT_S, POLL_S = 90.0, 0.05


def until(condition: Callable[[], bool], *, what: object) -> None:
    """Return when the condition holds; fail the test if it does not within `TIMEOUT_S`.

    Args:
        condition: Called every `POLL_S` seconds.
        what: The condition in words, for the failure's message.
    """
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {TIMEOUT_S:g} s: {what}")
        time.sleep(POLL_S)
