from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.cronnx.held import asynchronous, collect, outcomes_of


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("source", [iter, asynchronous])
@pytest.mark.parametrize("error", [LookupError("lost"), RuntimeError("broken"), KeyboardInterrupt()])
def test_what_the_input_raises_comes_after_the_outcomes_before_it(
    ordered: bool, source: Any, error: BaseException
) -> None:
    def images() -> Iterator[int]:
        yield from range(20)
        raise error

    async def run() -> list[int]:
        outcomes = outcomes_of(source(images()), ordered=ordered)
        found = [(await anext(outcomes)).index for _ in range(20)]
        with pytest.raises(type(error)) as caught:
            await anext(outcomes)
        assert caught.value is error
        return sorted(found)

    assert asyncio.run(run()) == list(range(20))


def test_an_input_that_cannot_be_iterated_raises_that() -> None:
    class Broken:
        def __iter__(self) -> Iterator[int]:
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        asyncio.run(collect(outcomes_of(Broken())))


def test_an_input_that_blocks_holds_up_no_outcome() -> None:
    fed: queue.Queue[int | None] = queue.Queue()

    async def run() -> list[int]:
        found = []
        fed.put(0)
        async for outcome in outcomes_of(iter(fed.get, None), concurrency=4):
            found.append(outcome.index)
            fed.put(outcome.index + 1 if outcome.index < 5 else None)  # the next image waits for this
        return found

    assert asyncio.run(run()) == [0, 1, 2, 3, 4, 5]


def test_closing_waits_for_no_input_that_blocks() -> None:
    released = threading.Event()

    def images() -> Iterator[int]:
        yield 0
        released.wait()

    outcomes = asyncio.run(collect(outcomes_of(images()), most=1))
    assert [outcome.index for outcome in outcomes] == [0]
    assert not released.is_set()
    released.set()


def test_closing_takes_nothing_more() -> None:
    taken: list[int] = []
    may_go_on = threading.Event()

    def images() -> Iterator[int]:
        for index in range(100):
            taken.append(index)
            yield index
            may_go_on.wait()  # the pool has asked for 4 at once; the second is under way

    outcomes = asyncio.run(collect(outcomes_of(images(), concurrency=4), most=1))
    assert [outcome.index for outcome in outcomes] == [0]
    may_go_on.set()
    for thread in threading.enumerate():
        if thread.name == "cronnx-input":
            thread.join()
    assert len(taken) <= 2


def test_nothing_is_taken_before_the_first_outcome_is_wanted() -> None:
    taken: list[int] = []

    async def run() -> None:
        outcomes = outcomes_of(map(taken.append, range(3)))
        await asyncio.sleep(0)
        assert taken == []
        await outcomes.aclose()

    asyncio.run(run())
