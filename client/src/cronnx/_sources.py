"""Iterables, blocking or asynchronous, that deliver one element for each request."""

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
    """Receives, in the event loop, the elements that were requested."""

    def arrive(self, element: T_contra) -> None:
        """Receive one element."""

    def end(self, error: BaseException | None) -> None:
        """Receive the end of the elements, with the error that the iterable raised, if any."""


class Source(Protocol):
    """Delivers elements to a sink."""

    def request_next(self) -> None:
        """Request one more element."""

    def close(self) -> None:
        """Stop iterating."""


def open_source(elements: Iterable[T] | AsyncIterable[T], sink: Sink[T]) -> Source:
    """Return the source for this type of iterable. It must be called inside an event loop."""
    return AsyncSource(elements, sink) if isinstance(elements, AsyncIterable) else ThreadedSource(elements, sink)


class AsyncSource(Generic[T]):
    """Iterates asynchronously, in a task."""

    def __init__(self, elements: AsyncIterable[T], sink: Sink[T]) -> None:
        self._requests = asyncio.Semaphore(0)
        self._task = asyncio.create_task(self._iterate(elements, sink))

    def request_next(self) -> None:
        """See `Source.request_next`."""
        self._requests.release()

    def close(self) -> None:
        """See `Source.close`."""
        self._task.cancel()

    async def _iterate(self, elements: AsyncIterable[T], sink: Sink[T]) -> None:
        try:
            iterator = aiter(elements)
            while True:
                await self._requests.acquire()
                sink.arrive(await anext(iterator))
        except StopAsyncIteration:
            sink.end(None)
        except BaseException as error:  # noqa: BLE001 - the sink's reader raises it
            sink.end(error)


class ThreadedSource(Generic[T]):
    """Iterates in a thread of its own, so that an iterable that blocks does not block the event loop.

    The thread is a daemon outside any pool, so that the program can exit while the iterable blocks.
    """

    def __init__(self, elements: Iterable[T], sink: Sink[T]) -> None:
        self._requests: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._closed = threading.Event()
        arguments = (elements, self._requests, self._closed, sink, asyncio.get_running_loop().call_soon_threadsafe)
        threading.Thread(target=_iterate, args=arguments, name="cronnx-input", daemon=True).start()

    def request_next(self) -> None:
        """See `Source.request_next`."""
        self._requests.put(None)

    def close(self) -> None:
        """See `Source.close`."""
        self._closed.set()
        self._requests.put(None)


def _iterate(
    elements: Iterable[T],
    requests: queue.SimpleQueue[None],
    closed: threading.Event,
    sink: Sink[T],
    call: Callable[..., Any],
) -> None:
    error = None
    with contextlib.suppress(RuntimeError):  # the event loop is closed
        try:
            iterator = iter(elements)
            while True:
                requests.get()
                if closed.is_set():  # elements that were requested before are not wanted either
                    break
                call(sink.arrive, next(iterator))
        except StopIteration:
            pass
        except BaseException as raised:  # noqa: BLE001 - the sink's reader raises it
            error = raised
        call(sink.end, error)
