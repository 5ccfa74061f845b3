"""Images whose classification a test holds back, and how the tests of pools and sources run them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable
from contextlib import aclosing
from typing import Any, TypeVar

from cronnx import Classification, Outcome, ScoredClass
from cronnx._predict_many import PredictionPool, flattened

T = TypeVar("T")


def classification(image: object) -> Classification:
    return Classification((ScoredClass(str(image), 1, 1.0),), "m/1@0", "m")


async def classify(image: object) -> Classification:
    return classification(image)


async def asynchronous(images: Iterable[int]) -> AsyncIterator[int]:
    for image in images:
        yield image


def outcomes_of(
    images: Iterable[T] | AsyncIterable[T],
    classify: Callable[[T], Coroutine[Any, Any, Classification]] = classify,
    *,
    concurrency: int = 2,
    ordered: bool = True,
) -> AsyncGenerator[Outcome[T, Classification], None]:
    return flattened(PredictionPool(classify, concurrency=concurrency, ordered=ordered).batches(images))


async def collect(
    outcomes: AsyncGenerator[Outcome[int, Classification], None], *, most: int | None = None
) -> list[Outcome[int, Classification]]:
    found: list[Outcome[int, Classification]] = []
    async with aclosing(outcomes):
        while most is None or len(found) < most:
            outcome = await anext(outcomes, None)
            if outcome is None:
                break
            found.append(outcome)
    return found


class Held:
    """Classifies an image when the test releases it, and records which are running."""

    def __init__(self) -> None:
        self.under_way: dict[int, asyncio.Event] = {}
        self.cancelled: list[int] = []
        self.most_under_way = 0
        self.changed = asyncio.Event()

    async def classify(self, image: int) -> Classification:
        release = self.under_way[image] = asyncio.Event()
        self.most_under_way = max(self.most_under_way, len(self.under_way))
        self.changed.set()
        try:
            await release.wait()
        except asyncio.CancelledError:
            self.cancelled.append(image)
            raise
        finally:
            del self.under_way[image]
        return classification(image)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.changed.clear()
            await self.changed.wait()
