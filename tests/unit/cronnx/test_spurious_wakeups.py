from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cronnx._spurious_wakeups import ignore_spurious_wakeups


class Failing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def _handle_events(self) -> None:
        raise self.error


class PollerCompletionQueue(Failing):
    """Named as gRPC's."""

    def _handle_events(self) -> None:
        super()._handle_events()


NO_WORK = BlockingIOError("Resource temporarily unavailable")
NO_LOOP = RuntimeError("Event loop is closed")


def told(*callbacks: Callable[[], None]) -> list[str]:
    """What a loop's own handler is told of callbacks that fail."""
    contexts: list[dict[str, Any]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: contexts.append(context))
        ignore_spurious_wakeups(loop)
        ignore_spurious_wakeups(loop)
        for callback in callbacks:
            loop.call_soon(callback)
        await asyncio.sleep(0)

    asyncio.run(run())
    return [type(context["exception"]).__name__ for context in contexts]


@pytest.mark.parametrize("error", [NO_WORK, NO_LOOP])
def test_grpcs_spurious_wakeups_are_not_told(error: Exception) -> None:
    assert told(PollerCompletionQueue(error)._handle_events) == []


@pytest.mark.parametrize("failing", [Failing(NO_WORK), Failing(NO_LOOP), PollerCompletionQueue(RuntimeError("broken"))])
def test_whatever_else_goes_wrong_is_told_once(failing: Failing) -> None:
    assert told(failing._handle_events) == [type(failing.error).__name__]


def test_a_loop_without_a_handler_logs_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        ignore_spurious_wakeups(loop)
        loop.call_soon(Failing(LookupError("lost"))._handle_events)
        await asyncio.sleep(0)

    asyncio.run(run())
    assert "LookupError: lost" in caplog.text
