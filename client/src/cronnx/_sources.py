"""Where elements come from, one when one is wanted: iterables that may block or be asynchronous."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Sink(Protocol[T_contra]):
    """Gets, in the event loop, the elements that were wanted."""

    def arrive(self, element: T_contra) -> None:
        """Take one element."""

    def end(self, error: BaseException | None) -> None:
        """There are no more, because of this error where there is one."""


class Source(Protocol):
    """Gives elements to a sink."""

    def want(self) -> None:
        """Let one more element come."""

    def close(self) -> None:
        """Let no more come."""


def open_source(elements: Iterable[T] | AsyncIterable[T], sink: Sink[T]) -> Source:
    """Make the source for the kind of iterable; inside an event loop."""
    return AsyncSource(elements, sink) if isinstance(elements, AsyncIterable) else ThreadedSource(elements, sink)


class AsyncSource(Generic[T]):
    """Iterates asynchronously, in a task."""

    def __init__(self, elements: AsyncIterable[T], sink: Sink[T]) -> None:
        self._wanted = asyncio.Semaphore(0)
        self._task = asyncio.create_task(self._iterate(elements, sink))

    def want(self) -> None:
        """See `Source.want`."""
        self._wanted.release()

    def close(self) -> None:
        """See `Source.close`."""
        self._task.cancel()

    async def _iterate(self, elements: AsyncIterable[T], sink: Sink[T]) -> None:
        try:
            iterator = aiter(elements)
            while True:
                await self._wanted.acquire()
                sink.arrive(await anext(iterator))
        except StopAsyncIteration:
            sink.end(None)
        except BaseException as error:  # noqa: BLE001 - it is whoever reads the sink that it is for
            sink.end(error)


class ThreadedSource(Generic[T]):
    """Iterates in a thread of its own, so that an iterable that blocks does not block the loop.

    The thread is a daemon and no part of a pool: nobody waits at his end for an iterable that blocks for ever.
    """

    def __init__(self, elements: Iterable[T], sink: Sink[T]) -> None:
        self._wanted: queue.SimpleQueue[bool] = queue.SimpleQueue()
        arguments = (elements, self._wanted, sink, asyncio.get_running_loop().call_soon_threadsafe)
        threading.Thread(target=_iterate, args=arguments, name="cronnx-input", daemon=True).start()

    def want(self) -> None:
        """See `Source.want`."""
        self._wanted.put(True)

    def close(self) -> None:
        """See `Source.close`."""
        self._wanted.put(False)


def _iterate(elements: Iterable[T], wanted: queue.SimpleQueue[bool], sink: Sink[T], call: Callable[..., Any]) -> None:
    error = None
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants anything any more
        try:
            iterator = iter(elements)
            while wanted.get():
                call(sink.arrive, next(iterator))
        except StopIteration:
            pass
        except BaseException as raised:  # noqa: BLE001 - it is whoever reads the sink that it is for
            error = raised
        call(sink.end, error)
