"""An asyncio event loop in a thread, for callers that are not asynchronous."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeAlias, TypeVar

from cronnx._errors import CronnxError

R = TypeVar("R")
T = TypeVar("T")

CLOSE_S = 5.0
"""How long `close` waits for the thread."""

_Started: TypeAlias = "concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, R]]"


class _PendingCalls:
    """The calls that wait for the event loop. All are cancelled when it ends."""

    def __init__(self) -> None:
        self._futures: set[concurrent.futures.Future[Any]] = set()
        self._has_ended = False

    def add(self, future: concurrent.futures.Future[Any]) -> None:
        self._futures.add(future)
        if self._has_ended:
            future.cancel()

    def discard(self, future: concurrent.futures.Future[Any]) -> None:
        self._futures.discard(future)

    def cancel_all(self) -> None:
        self._has_ended = True  # set first: a call added from now on sees it, an earlier one is in the set
        for future in list(self._futures):
            future.cancel()


class EventLoopThread(Generic[R]):
    """Runs coroutines from any thread on one event loop, in a thread of its own.

    Attributes:
        resource: The resource that `open_resource` opened inside the loop. It is closed there, together with the
            loop, by `close` or when this object is garbage-collected.
    """

    def __init__(self, name: str, open_resource: Callable[[], AbstractAsyncContextManager[R]]) -> None:
        started: _Started[R] = concurrent.futures.Future()
        self._calls = _PendingCalls()
        self._process_id = os.getpid()
        # The thread has no reference to self, so that an unclosed self can be collected and end the thread.
        arguments = (open_resource, started, self._calls)
        self._thread = threading.Thread(target=_run, args=arguments, name=name, daemon=True)
        self._thread.start()
        self._loop, self._stopped, self.resource = started.result()
        self._stop = weakref.finalize(self, self._loop.call_soon_threadsafe, self._stopped.set)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return or raise what the coroutine does. If the wait ends early, the coroutine is cancelled.

        Raises:
            concurrent.futures.CancelledError: The loop was closed before the coroutine ended.
            CronnxError: This process was forked from the one that has the thread.
        """
        if os.getpid() != self._process_id:  # a forked process has no thread but the one that forked
            coroutine.close()
            raise CronnxError("the client was made before this process was forked: make a new one in each process")
        future = None
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._calls.add(future)
            return future.result()
        except RuntimeError:
            if future is not None:
                raise
            # The loop is closed.
            raise concurrent.futures.CancelledError from None
        finally:
            if future is None:
                self._abandon(coroutine)
            else:
                future.cancel()
                self._calls.discard(future)

    def _abandon(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Cancel a coroutine whose caller was interrupted while handing it over: the loop may have it or not."""

        def cancel() -> None:
            task = next((task for task in asyncio.all_tasks() if task.get_coro() is coroutine), None)
            if task:
                task.cancel()
            else:
                coroutine.close()

        try:
            self._loop.call_soon_threadsafe(cancel)
        except RuntimeError:  # the loop is closed
            coroutine.close()

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call a function in the loop without waiting for it; do nothing if the loop is closed or closes.

        A loop that closes would drop a task that the function starts, with a warning on standard error.
        """
        stopped = self._stopped
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(lambda: stopped.is_set() or function())

    def close(self) -> None:
        """Close the resource, cancel running coroutines and end the thread; in a forked process there is none."""
        if os.getpid() != self._process_id:
            return
        self._stop()
        # Ctrl-C at the wrong instant leaves a lock of `concurrent.futures` taken, for which the loop waits for good.
        self._thread.join(CLOSE_S)


def _run(
    open_resource: Callable[[], AbstractAsyncContextManager[R]], started: _Started[R], calls: _PendingCalls
) -> None:
    try:
        asyncio.run(_serve(open_resource, started))
    except Exception as error:
        if started.done():
            raise
        started.set_exception(error)  # the constructor raises it
    finally:
        calls.cancel_all()


async def _serve(open_resource: Callable[[], AbstractAsyncContextManager[R]], started: _Started[R]) -> None:
    stop = asyncio.Event()
    async with open_resource() as resource:
        started.set_result((asyncio.get_running_loop(), stop, resource))
        await stop.wait()
