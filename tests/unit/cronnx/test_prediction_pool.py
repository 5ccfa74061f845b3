from __future__ import annotations

import asyncio
import gc
import itertools
import weakref
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from cronnx import Classification, InvalidInput, Outcome
from cronnx._predict_many import LOOKAHEAD, PredictionPool, flattened
from tests.unit.cronnx.held import Held, asynchronous, classification, classify, collect, outcomes_of


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("source", [iter, list, asynchronous])
@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_every_image_has_one_outcome(
    ordered: bool, source: Callable[[Iterable[int]], Iterable[int] | AsyncIterable[int]], count: int
) -> None:
    async def run() -> list[Outcome[int, Classification]]:
        return await collect(outcomes_of(source(range(count)), ordered=ordered))

    outcomes = asyncio.run(run())
    indices = [outcome.index for outcome in outcomes]
    assert (indices if ordered else sorted(indices)) == list(range(count))
    assert all(outcome.image == outcome.index for outcome in outcomes)
    assert all(outcome.answer == classification(outcome.image) for outcome in outcomes)


def test_an_outcome_has_the_callers_own_object() -> None:
    class Picture:
        pass

    async def run() -> Outcome[Picture, Classification]:
        async with aclosing(outcomes_of([picture])) as outcomes:
            return await anext(outcomes)

    picture = Picture()
    assert asyncio.run(run()).image is picture


@pytest.mark.parametrize("ordered", [True, False])
def test_an_error_is_the_outcome_of_its_image_alone(ordered: bool) -> None:
    async def pick(image: int) -> Classification:
        if image % 2:
            raise InvalidInput(f"odd: {image}")
        return classification(image)

    outcomes = asyncio.run(collect(outcomes_of(range(10), pick, ordered=ordered)))
    for outcome in outcomes:
        assert (outcome.answer is None) == bool(outcome.image % 2)
        assert str(outcome.error or "") == (f"odd: {outcome.image}" if outcome.image % 2 else "")
    assert len(outcomes) == 10


def test_an_outcome_says_how_long_it_took() -> None:
    ticks = itertools.count(0, 5)

    async def run() -> list[Outcome[int, Classification]]:
        timed = PredictionPool[int, Classification](classify, concurrency=1, ordered=True, clock=lambda: next(ticks))
        return await collect(flattened(timed.batches([1, 2])))

    assert [outcome.seconds for outcome in asyncio.run(run())] == [5, 5]


def test_ordered_outcomes_wait_for_the_first() -> None:
    async def run() -> None:
        held = Held()
        async with aclosing(outcomes_of(range(3), held.classify, concurrency=3)) as outcomes:
            first = asyncio.ensure_future(anext(outcomes))
            await held.until(lambda: len(held.under_way) == 3)
            held.under_way[2].set()
            held.under_way[1].set()
            await asyncio.sleep(0)
            assert not first.done()
            held.under_way[0].set()
            assert [(await first).index, (await anext(outcomes)).index, (await anext(outcomes)).index] == [0, 1, 2]

    asyncio.run(run())


def test_unordered_outcomes_do_not_wait() -> None:
    async def run() -> None:
        held = Held()
        async with aclosing(outcomes_of(range(3), held.classify, concurrency=3, ordered=False)) as outcomes:
            first = asyncio.ensure_future(anext(outcomes))
            await held.until(lambda: len(held.under_way) == 3)
            for index in (2, 0, 1):
                held.under_way[index].set()
                assert (await first).index == index
                first = asyncio.ensure_future(anext(outcomes))
            with pytest.raises(StopAsyncIteration):
                await first

    asyncio.run(run())


@pytest.mark.parametrize("source", [iter, asynchronous])
def test_exactly_concurrency_images_are_under_way(source: Any) -> None:
    async def run() -> None:
        held = Held()
        outcomes = outcomes_of(source(range(50)), held.classify, concurrency=3, ordered=False)
        async with aclosing(outcomes):
            first = asyncio.ensure_future(anext(outcomes))
            for _ in range(50):
                await held.until(lambda: bool(held.under_way))
                held.under_way[min(held.under_way)].set()
                await first
                first = asyncio.ensure_future(anext(outcomes))
            with pytest.raises(StopAsyncIteration):
                await first
        assert held.most_under_way == 3

    asyncio.run(run())


def test_a_slow_first_image_holds_up_a_bounded_number() -> None:
    async def run() -> None:
        held, taken = Held(), []

        async def slow_first(image: int) -> Classification:
            taken.append(image)
            held.changed.set()
            return await (held.classify(image) if image == 0 else classify(image))

        async with aclosing(outcomes_of(range(1000), slow_first, concurrency=5)) as outcomes:
            first = asyncio.ensure_future(anext(outcomes))
            await held.until(lambda: len(taken) == LOOKAHEAD * 5)
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(taken) == LOOKAHEAD * 5
            held.under_way[0].set()
            assert (await first).index == 0
            assert [outcome.index for outcome in await collect(outcomes)] == list(range(1, 1000))

    asyncio.run(run())


def test_a_slow_reader_holds_up_the_input() -> None:
    async def run() -> int:
        taken = []

        async def take(image: int) -> Classification:
            taken.append(image)
            return classification(image)

        async with aclosing(outcomes_of(itertools.count(), take, concurrency=2)) as outcomes:
            for _ in range(10):
                await anext(outcomes)
            for _ in range(100):
                await asyncio.sleep(0)
        return len(taken)

    assert asyncio.run(run()) <= 10 + (LOOKAHEAD + 1) * 2


@pytest.mark.parametrize("source", [iter, asynchronous])
def test_closing_cancels_what_is_under_way_and_takes_no_more(source: Any) -> None:
    taken = []

    def images() -> Iterator[int]:
        for image in itertools.count():
            taken.append(image)
            yield image

    async def run() -> Held:
        held = Held()
        outcomes = outcomes_of(source(images()), held.classify, concurrency=3)
        first = asyncio.ensure_future(anext(outcomes))
        await held.until(lambda: len(held.under_way) == 3)
        held.under_way[0].set()
        await first
        await held.until(lambda: len(held.under_way) == 3)
        await outcomes.aclose()
        return held

    held = asyncio.run(run())
    assert sorted(held.cancelled) == [1, 2, 3]
    assert taken == [0, 1, 2, 3]


def test_cancelling_the_reader_cancels_what_is_under_way() -> None:
    async def run() -> list[int]:
        held = Held()
        reader = asyncio.create_task(collect(outcomes_of(itertools.count(), held.classify, concurrency=3)))
        await held.until(lambda: len(held.under_way) == 3)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        return sorted(held.cancelled)

    assert asyncio.run(run()) == [0, 1, 2]


def test_images_are_released_with_their_outcomes() -> None:
    class Picture:
        pass

    async def refuse(_image: Picture) -> Classification:
        raise InvalidInput("no")

    alive: weakref.WeakSet[Picture] = weakref.WeakSet()

    def pictures() -> Iterator[Picture]:
        for _ in range(2000):
            picture = Picture()
            alive.add(picture)
            yield picture
            del picture

    async def run() -> int:
        most = 0
        async for _ in outcomes_of(pictures(), refuse, concurrency=4):
            most = max(most, len(alive))
        return most

    gc.disable()  # reference counting must be enough
    try:
        assert asyncio.run(run()) <= (LOOKAHEAD + 2) * 4
    finally:
        gc.enable()
