"""Answers for many images with a bounded number of requests at a time."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Sequence, Sized
from contextlib import aclosing
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import numpy as np

from cronnx._answers import Outcome
from cronnx._errors import CronnxError, InvalidInput
from cronnx._image_model import ImageModel
from cronnx._image_paths import image_paths
from cronnx._inputs import ImageLike, is_file
from cronnx._sources import Source, open_source

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")
A = TypeVar("A")
ImageT = TypeVar("ImageT", bound=ImageLike)

_logger = logging.getLogger("cronnx")

LOOKAHEAD = 4
"""How many times `concurrency` images are taken ahead of the last outcome returned: the most that one slow image can
hold up."""


def predict_many(
    images: Iterable[ImageT] | AsyncIterable[ImageT],
    model: ImageModel[A],
    *,
    concurrency: int,
    ordered: bool,
    progress: bool,
) -> AsyncGenerator[list[Outcome[ImageT, A]], None]:
    """Yield the outcomes in batches as they become ready; see `Client.classify_many` for the arguments.

    Raises:
        InvalidInput: An argument cannot be used.
    """
    if concurrency < 1:
        raise InvalidInput(f"concurrency: expected 1 or more requests at a time, got {concurrency}")
    images = _each(images)
    pool: PredictionPool[ImageT, A] = PredictionPool(model.ask, concurrency=concurrency, ordered=ordered)
    batches = pool.batches(images)
    if not progress:
        return batches
    return _with_progress(batches, total=len(images) if isinstance(images, Sized) else None)


def _each(images: Iterable[ImageT] | AsyncIterable[ImageT]) -> Iterable[ImageT] | AsyncIterable[ImageT]:
    """Return what yields the images; a text is a path, a folder or a pattern."""
    if isinstance(images, str):
        return cast("Iterable[ImageT]", image_paths([images], report=_refuse, note=_logger.info))
    if isinstance(images, np.ndarray) and images.ndim != 4:
        raise InvalidInput(f"images: expected arrays, got one array of {images.ndim} dimensions; give a list of arrays")
    if isinstance(images, bytes | bytearray | memoryview | os.PathLike) or is_file(images):
        raise InvalidInput(
            f"images: expected an iterable of images, or a folder or a pattern as text; got {type(images).__name__}"
        )
    if not isinstance(images, Iterable | AsyncIterable):
        raise InvalidInput(f"images: expected an iterable of images, got {type(images).__name__}")
    return images


def _refuse(reason: str) -> None:
    raise InvalidInput(reason)


async def flattened(batches: AsyncGenerator[list[T], None]) -> AsyncGenerator[T, None]:
    """Yield the elements of batches one by one."""
    async with aclosing(batches):
        async for batch in batches:
            for element in batch:
                yield element


class PredictionPool(Generic[T, A]):
    """Asks a model about the images of an iterable, several at a time.

    At most `concurrency` images are being asked about, and at most `LOOKAHEAD` times as many have been taken from the
    iterable and not yet returned in a batch. A batch has at most `concurrency` outcomes.
    """

    def __init__(
        self,
        ask: Callable[[T], Awaitable[A]],
        *,
        concurrency: int,
        ordered: bool,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._ask = ask
        self._concurrency = concurrency
        self._ordered = ordered
        self._clock = clock
        self._taken = 0  # images that have arrived
        self._requested = 0  # images requested from the source that have not arrived
        self._returned = 0  # outcomes
        self._running: set[asyncio.Task[Outcome[T, A]]] = set()
        self._in_order: deque[asyncio.Task[Outcome[T, A]]] = deque()  # with `ordered`, the tasks by position
        self._ready: asyncio.Queue[asyncio.Task[Outcome[T, A]] | None] = (
            asyncio.Queue()
        )  # finished tasks; None at the end
        self._has_ended = False  # the source has no more images
        self._is_closed = False  # the caller wants no more outcomes
        self._error: BaseException | None = None
        self._source: Source
        self._context = copy_context()  # the caller's context, which the source's thread does not have

    async def batches(self, images: Iterable[T] | AsyncIterable[T]) -> AsyncGenerator[list[Outcome[T, A]], None]:
        """Yield the outcomes as they become ready, 1 to `concurrency` at a time.

        After the last outcome, it raises what the iterable raised. Closing it cancels the running requests.
        """
        self._source = open_source(images, self)
        try:
            self._request_more()
            while batch := await self._batch():
                self._returned += len(batch)
                self._request_more()
                yield batch
            if self._error:
                raise self._error
        finally:
            self._is_closed = True
            self._source.close()
            await _cancel(list(self._running))

    def arrive(self, image: T) -> None:
        """See `Sink.arrive`."""
        if self._is_closed:
            return
        task = self._context.run(asyncio.create_task, self._outcome(self._taken, image))
        self._requested -= 1
        self._taken += 1
        self._running.add(task)
        task.add_done_callback(self._finish)
        if self._ordered:
            self._in_order.append(task)

    def end(self, error: BaseException | None) -> None:
        """See `Sink.end`."""
        self._error = error
        self._has_ended = True
        self._end_if_finished()

    def _request_more(self) -> None:
        """Request as many images as there is room for."""
        if self._is_closed:
            return
        free = self._concurrency - len(self._running)
        room = LOOKAHEAD * self._concurrency - (self._taken - self._returned)
        for _ in range(min(free, room) - self._requested):
            self._requested += 1
            self._source.request_next()

    def _finish(self, task: asyncio.Task[Outcome[T, A]]) -> None:
        self._running.discard(task)
        self._is_closed |= task.cancelled()  # an event loop that ends cancels its tasks
        if not self._ordered:
            self._ready.put_nowait(task)
        while self._in_order and self._in_order[0].done():
            self._ready.put_nowait(self._in_order.popleft())
        self._request_more()
        self._end_if_finished()

    def _end_if_finished(self) -> None:
        if self._has_ended and not self._running:
            self._ready.put_nowait(None)

    async def _batch(self) -> list[Outcome[T, A]]:
        """Return the outcomes that are ready; an empty list at the end."""
        batch: list[Outcome[T, A]] = []
        task = await self._ready.get()
        while task:
            batch.append(task.result())
            if self._ready.empty() or len(batch) == self._concurrency:
                return batch
            task = self._ready.get_nowait()
        if batch:
            self._ready.put_nowait(None)  # the next call returns the end
        return batch

    async def _outcome(self, index: int, image: T) -> Outcome[T, A]:
        start = self._clock()
        answer, failure = None, None
        try:
            answer = await self._ask(image)
        except CronnxError as error:
            failure = error.with_traceback(None)  # the traceback's frames would keep the image in memory
        return Outcome(image, index, answer, failure, self._clock() - start)


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _with_progress(
    batches: AsyncGenerator[list[Outcome[T, A]], None], *, total: int | None
) -> AsyncGenerator[list[Outcome[T, A]], None]:
    """Yield the batches, and show on standard error the number of outcomes, images per second and errors."""
    async with aclosing(batches):
        with _progress_bar() as progress:
            task = progress.add_task("images", total=total, errors=0, rate="")
            errors = 0
            async for batch in batches:
                errors += sum(outcome.error is not None for outcome in batch)
                speed = progress.tasks[0].speed
                progress.update(task, advance=len(batch), errors=errors, rate=f"{speed:.0f}" if speed else "")
                yield batch


def _progress_bar() -> Progress:
    # Imported here because rich loads slowly and a progress bar is optional.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} images/s"),
        TextColumn("{task.fields[errors]} errors"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,  # the caller's own output stays on standard output
    )
