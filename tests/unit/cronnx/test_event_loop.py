from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import inspect
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any

import pytest

from cronnx._event_loop import EventLoopThread
from tests.unit.cronnx.interrupt import interrupt_the_main_thread_when_it_waits


class Resource:
    """Records the thread that opened it, and whether it was closed."""

    def __init__(self) -> None:
        self.opened_in = ""
        self.closed = threading.Event()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Resource]:
        self.opened_in = threading.current_thread().name
        yield self
        self.closed.set()


@pytest.fixture
def event_loop() -> Iterator[EventLoopThread[Resource]]:
    event_loop = EventLoopThread("the loop", Resource().open)
    yield event_loop
    event_loop.close()


async def thread_name() -> str:
    return threading.current_thread().name


async def fail() -> None:
    raise LookupError("from the loop")


def test_coroutine_and_resource_live_on_the_loops_thread(event_loop: EventLoopThread[Resource]) -> None:
    assert event_loop.run(thread_name()) == "the loop"
    assert event_loop.resource.opened_in == "the loop"


def test_an_exception_reaches_the_caller(event_loop: EventLoopThread[Resource]) -> None:
    with pytest.raises(LookupError, match="from the loop"):
        event_loop.run(fail())


def test_an_error_while_opening_the_resource_is_raised() -> None:
    @contextlib.asynccontextmanager
    async def open_resource() -> AsyncIterator[None]:
        raise OSError("too many open files")
        yield

    with pytest.raises(OSError, match="too many open files"):
        EventLoopThread("the loop", open_resource)


def test_a_coroutine_whose_caller_is_interrupted_is_cancelled(event_loop: EventLoopThread[Resource]) -> None:
    cancelled = threading.Event()

    async def interrupt_the_caller() -> None:
        interrupt_the_main_thread_when_it_waits()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(KeyboardInterrupt):
        event_loop.run(interrupt_the_caller())
    assert cancelled.wait(10)


@pytest.mark.parametrize("is_scheduled", [True, False])
def test_a_coroutine_whose_caller_is_interrupted_while_handing_it_over_does_not_go_on(
    event_loop: EventLoopThread[Resource], monkeypatch: pytest.MonkeyPatch, is_scheduled: bool
) -> None:
    started, ended = threading.Event(), threading.Event()
    schedule = asyncio.run_coroutine_threadsafe

    async def wait_for_ever() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    def interrupted(coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> None:
        if is_scheduled:
            schedule(coroutine, loop)
            started.wait(10)
        raise KeyboardInterrupt

    coroutine = wait_for_ever()
    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        event_loop.run(coroutine)
    assert not is_scheduled or ended.wait(10)
    event_loop.close()  # after the coroutine was closed in the loop
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


def test_call_soon_calls_in_the_loop(event_loop: EventLoopThread[Resource]) -> None:
    called_in: concurrent.futures.Future[str] = concurrent.futures.Future()
    event_loop.call_soon(lambda: called_in.set_result(threading.current_thread().name))
    assert called_in.result(10) == "the loop"


def test_a_closed_loop_calls_nothing(event_loop: EventLoopThread[Resource]) -> None:
    event_loop.close()
    event_loop.call_soon(lambda: pytest.fail("called"))


def test_a_loop_that_closes_calls_nothing_more() -> None:
    called: list[str] = []

    class Closing(Resource):
        @contextlib.asynccontextmanager
        async def open(self) -> AsyncIterator[Resource]:
            yield self
            event_loop.call_soon(lambda: called.append("late"))
            await asyncio.sleep(0.01)

    event_loop = EventLoopThread("the loop", Closing().open)
    event_loop.close()
    assert not called


def test_a_closed_loop_runs_nothing(event_loop: EventLoopThread[Resource]) -> None:
    event_loop.close()
    with pytest.raises(concurrent.futures.CancelledError):
        event_loop.run(thread_name())


def test_a_call_made_while_the_loop_closes_does_not_hang() -> None:
    late: list[concurrent.futures.Future[str]] = []

    class Late(Resource):
        @contextlib.asynccontextmanager
        async def open(self) -> AsyncIterator[Resource]:
            yield self
            late.append(callers.submit(event_loop.run, thread_name()))

    with concurrent.futures.ThreadPoolExecutor() as callers:
        event_loop = EventLoopThread("the loop", Late().open)
        event_loop.close()
        with contextlib.suppress(concurrent.futures.CancelledError):
            assert late[0].result(10) == "the loop"


def test_closing_releases_waiting_callers(event_loop: EventLoopThread[Resource]) -> None:
    waiting = threading.Event()

    async def wait_for_ever() -> None:
        waiting.set()
        await asyncio.Event().wait()

    with concurrent.futures.ThreadPoolExecutor() as callers:
        caller = callers.submit(event_loop.run, wait_for_ever())
        assert waiting.wait(10)
        event_loop.close()
        with pytest.raises(concurrent.futures.CancelledError):
            caller.result(10)


def test_closing_closes_the_resource(event_loop: EventLoopThread[Resource]) -> None:
    event_loop.close()
    assert event_loop.resource.closed.is_set()


def test_closing_does_not_wait_for_good_for_a_loop_that_hangs(
    event_loop: EventLoopThread[Resource], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronnx._event_loop.CLOSE_S", 0.01)
    goes_on = threading.Event()
    event_loop.call_soon(goes_on.wait)
    event_loop.close()
    assert not event_loop.resource.closed.is_set()
    goes_on.set()
    assert event_loop.resource.closed.wait(30)


def test_an_unclosed_loop_ends_when_it_is_collected() -> None:
    resource = Resource()
    event_loop = EventLoopThread("the loop", resource.open)
    del event_loop
    gc.collect()
    assert resource.closed.wait(10)
