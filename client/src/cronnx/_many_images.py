"""Many images, many at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sized
from contextlib import aclosing
from typing import TypeVar

from cronnx._classifier import Classifier
from cronnx._errors import InvalidInput
from cronnx._images import ImageLike
from cronnx._outcome import Outcome
from cronnx._progress import with_progress
from cronnx._window import Window

ImageT = TypeVar("ImageT", bound=ImageLike)
T = TypeVar("T")


def classified(
    images: Iterable[ImageT] | AsyncIterable[ImageT],
    classifier: Classifier,
    *,
    concurrency: int,
    ordered: bool,
    progress: bool,
) -> AsyncGenerator[list[Outcome[ImageT]], None]:
    """Give the outcomes in batches, as they are ready.

    Raises:
        InvalidInput: An argument cannot be used.
    """
    if concurrency < 1:
        raise InvalidInput(f"concurrency is {concurrency}, expected 1 or more requests at a time")
    if isinstance(images, str | bytes) or not isinstance(images, Iterable | AsyncIterable):
        raise InvalidInput(f"got {type(images).__name__} for the images, expected an iterable of images")
    window: Window[ImageT] = Window(classifier.one, concurrency=concurrency, ordered=ordered)
    batches = window.batches(images)
    if not progress:
        return batches
    return with_progress(batches, total=len(images) if isinstance(images, Sized) else None)


async def flattened(batches: AsyncGenerator[list[T], None]) -> AsyncGenerator[T, None]:
    """Give what is in the batches, one by one."""
    async with aclosing(batches):
        async for batch in batches:
            for element in batch:
                yield element
