"""Many images, some at a time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Sequence
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from cronnx._errors import CronnxError
from cronnx._outcome import Outcome
from cronnx._results import Classification
from cronnx._sources import Source, open_source

T = TypeVar("T")

LOOKAHEAD = 4
"""So many times `concurrency` images are taken ahead of the outcome given last: what a slow first one may hold up."""


class Window(Generic[T]):
    """Classifies the images of an iterable, some at a time, and gives their outcomes.

    At most `concurrency` images are under way, and at most `LOOKAHEAD` times as many are taken from the iterable
    and not yet given out in a batch, which holds `concurrency` at most.
    """

    def __init__(
        self,
        classify: Callable[[T], Awaitable[Classification]],
        *,
        concurrency: int,
        ordered: bool,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._classify = classify
        self._concurrency = concurrency
        self._ordered = ordered
        self._clock = clock
        self._taken = 0  # images, all in all
        self._wanted = 0  # images asked for and not yet come
        self._given = 0  # outcomes
        self._under_way: set[asyncio.Task[Outcome[T]]] = set()
        self._in_order: deque[asyncio.Task[Outcome[T]]] = deque()  # what is to be given in the order of the images
        self._ready: asyncio.Queue[asyncio.Task[Outcome[T]] | None] = asyncio.Queue()  # done; None: there are no more
        self._has_ended = False  # there are no more images
        self._is_closed = False  # nobody wants any more outcomes
        self._error: BaseException | None = None
        self._source: Source
        self._context = copy_context()  # the caller's, which the thread that images come from does not have

    async def batches(self, images: Iterable[T] | AsyncIterable[T]) -> AsyncGenerator[list[Outcome[T]], None]:
        """Give the outcomes as they are ready, at least one and at most `concurrency` at a time.

        At the end it raises what the iterable raised. Closing it cancels what is under way.
        """
        self._source = open_source(images, self)
        try:
            self._fill()
            while batch := await self._batch():
                self._given += len(batch)
                self._fill()
                yield batch
            if self._error:
                raise self._error
        finally:
            self._is_closed = True
            self._source.close()
            await _cancelled(list(self._under_way))

    def arrive(self, image: T) -> None:
        """See `Sink.arrive`."""
        if self._is_closed:
            return
        task = self._context.run(asyncio.create_task, self._outcome(self._taken, image))
        self._wanted -= 1
        self._taken += 1
        self._under_way.add(task)
        task.add_done_callback(self._finish)
        if self._ordered:
            self._in_order.append(task)

    def end(self, error: BaseException | None) -> None:
        """See `Sink.end`."""
        self._error = error
        self._has_ended = True
        self._tell_the_end()

    def _fill(self) -> None:
        """Want as many images as there is room for."""
        if self._is_closed:
            return
        free = self._concurrency - len(self._under_way)
        room = LOOKAHEAD * self._concurrency - (self._taken - self._given)
        for _ in range(min(free, room) - self._wanted):
            self._wanted += 1
            self._source.want()

    def _finish(self, task: asyncio.Task[Outcome[T]]) -> None:
        self._under_way.discard(task)
        self._is_closed |= task.cancelled()  # as the loop does at its end
        if not self._ordered:
            self._ready.put_nowait(task)
        while self._in_order and self._in_order[0].done():
            self._ready.put_nowait(self._in_order.popleft())
        self._fill()
        self._tell_the_end()

    def _tell_the_end(self) -> None:
        if self._has_ended and not self._under_way:
            self._ready.put_nowait(None)

    async def _batch(self) -> list[Outcome[T]]:
        """What is ready; nothing at the end."""
        batch: list[Outcome[T]] = []
        task = await self._ready.get()
        while task:
            batch.append(task.result())
            if self._ready.empty() or len(batch) == self._concurrency:
                return batch
            task = self._ready.get_nowait()
        if batch:
            self._ready.put_nowait(None)  # the end, for the next time
        return batch

    async def _outcome(self, index: int, image: T) -> Outcome[T]:
        start = self._clock()
        classification, failure = None, None
        try:
            classification = await self._classify(image)
        except CronnxError as error:
            failure = error.with_traceback(None)  # whose frames would keep the image
        return Outcome(image, index, classification, failure, self._clock() - start)


async def _cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
