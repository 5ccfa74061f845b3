"""An asyncio event loop for callers that are not asynchronous."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeAlias, TypeVar

R = TypeVar("R")
T = TypeVar("T")

_Started: TypeAlias = "concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, R]]"


class _Callers:
    """Who waits for the loop; nobody does for one that has ended."""

    def __init__(self) -> None:
        self._futures: set[concurrent.futures.Future[Any]] = set()
        self._has_ended = False

    def add(self, future: concurrent.futures.Future[Any]) -> None:
        self._futures.add(future)
        if self._has_ended:
            future.cancel()

    def discard(self, future: concurrent.futures.Future[Any]) -> None:
        self._futures.discard(future)

    def dismiss(self) -> None:
        self._has_ended = True  # first: who comes now sees it, who came before is in the set
        for future in list(self._futures):
            future.cancel()


class EventLoopThread(Generic[R]):
    """Runs coroutines, from any thread, on one event loop in a thread of its own.

    Attributes:
        resource: What `open_resource` gave inside the loop. It is closed there, with the loop, by `close` or
            when nobody refers to this object any more.
    """

    def __init__(self, name: str, open_resource: Callable[[], AbstractAsyncContextManager[R]]) -> None:
        started: _Started[R] = concurrent.futures.Future()
        self._callers = _Callers()
        # The thread knows nothing of self, so that an unclosed self can be collected and end the thread.
        arguments = (open_resource, started, self._callers)
        self._thread = threading.Thread(target=_run, args=arguments, name=name, daemon=True)
        self._thread.start()
        self._loop, stop, self.resource = started.result()
        self._stop = weakref.finalize(self, self._loop.call_soon_threadsafe, stop.set)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for what the coroutine returns or raises, and cancel it when the wait ends early.

        Raises:
            concurrent.futures.CancelledError: The loop was closed meanwhile.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:  # it is closed already
            coroutine.close()
            raise concurrent.futures.CancelledError from None
        self._callers.add(future)
        try:
            return future.result()
        finally:
            future.cancel()
            self._callers.discard(future)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Have a function called in the loop, if that is not closed, and wait for nothing."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    def close(self) -> None:
        """Close the resource, cancel what still runs and end the thread."""
        self._stop()
        self._thread.join()


def _run(open_resource: Callable[[], AbstractAsyncContextManager[R]], started: _Started[R], callers: _Callers) -> None:
    try:
        asyncio.run(_serve(open_resource, started))
    except Exception as error:
        if started.done():
            raise
        started.set_exception(error)  # to whoever waits for the start
    finally:
        callers.dismiss()


async def _serve(open_resource: Callable[[], AbstractAsyncContextManager[R]], started: _Started[R]) -> None:
    stop = asyncio.Event()
    async with open_resource() as resource:
        started.set_result((asyncio.get_running_loop(), stop, resource))
        await stop.wait()
