"""An asyncio event loop for callers that are not asynchronous."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeAlias, TypeVar

R = TypeVar("R")
T = TypeVar("T")

_Started: TypeAlias = "concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, R]]"


class EventLoopThread(Generic[R]):
    """Runs coroutines, from any thread, on one event loop in a thread of its own.

    Attributes:
        resource: What `open_resource` gave inside the loop. It is closed there, with the loop, by `close` or
            when nobody refers to this object any more.
    """

    def __init__(self, name: str, open_resource: Callable[[], AbstractAsyncContextManager[R]]) -> None:
        started: _Started[R] = concurrent.futures.Future()
        # The thread knows nothing of self, so that an unclosed self can be collected and end the thread.
        self._thread = threading.Thread(target=_run, args=(open_resource, started), name=name, daemon=True)
        self._thread.start()
        self._loop, stop, self.resource = started.result()
        self._stop = weakref.finalize(self, self._loop.call_soon_threadsafe, stop.set)

    def run(self, coroutine: Coroutine[Any, Any, T], *, timeout_s: float) -> T:
        """Wait for what the coroutine returns or raises, and cancel it when the wait ends early.

        Raises:
            concurrent.futures.TimeoutError: `timeout_s` passed.
            concurrent.futures.CancelledError: The loop was closed meanwhile.
        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(timeout_s)
        finally:
            future.cancel()

    def close(self) -> None:
        """Close the resource, cancel what still runs and end the thread."""
        self._stop()
        self._thread.join()


def _run(open_resource: Callable[[], AbstractAsyncContextManager[R]], started: _Started[R]) -> None:
    try:
        asyncio.run(_serve(open_resource, started))
    except Exception as error:
        if started.done():
            raise
        started.set_exception(error)  # to whoever waits for the start


async def _serve(open_resource: Callable[[], AbstractAsyncContextManager[R]], started: _Started[R]) -> None:
    stop = asyncio.Event()
    async with open_resource() as resource:
        started.set_result((asyncio.get_running_loop(), stop, resource))
        await stop.wait()
