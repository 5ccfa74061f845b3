"""The asynchronous client, run for callers that are not asynchronous."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

from cronnx._async_client import AsyncClient
from cronnx._errors import ConnectionFailed, CronnxError
from cronnx._event_loop import EventLoopThread

B = TypeVar("B", bound="Blocking")
T = TypeVar("T")


class Blocking:
    """An `AsyncClient` on an event loop in a thread of its own, and how to wait for it from any other."""

    def __init__(self, open_client: Callable[[], AsyncClient]) -> None:
        self._event_loop = EventLoopThread("cronnx", open_client)
        self._client = self._event_loop.resource
        self._session = self._client._session
        self._is_closed = False

    def __enter__(self: B) -> B:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connections; requests under way in other threads fail with `ConnectionFailed`."""
        self._is_closed = True
        self._event_loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._is_closed:
            coroutine.close()
            raise CronnxError("the client is closed: make a new one")
        try:
            return self._event_loop.run(coroutine)
        except concurrent.futures.CancelledError:
            raise ConnectionFailed("the client was closed before the answer came") from None

    def _iterate(self, batches: AsyncGenerator[Sequence[T], None]) -> Generator[T, None, None]:
        try:
            while batch := self._run(_next(batches)):
                yield from batch
        finally:
            # Without waiting: it may be the garbage collector that closes, in any thread.
            self._event_loop.call_soon(lambda: asyncio.ensure_future(_close(batches)))


async def _next(batches: AsyncGenerator[Sequence[T], None]) -> Sequence[T]:
    return await anext(batches, [])


async def _close(batches: AsyncGenerator[Sequence[T], None]) -> None:
    with suppress(RuntimeError):  # it is being cancelled at its next batch, which closes it as well
        await batches.aclose()
