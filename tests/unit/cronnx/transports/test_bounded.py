from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest

from cronnx import ConnectionFailed, DeadlineExceeded, InvalidInput, Overloaded, Retry
from cronnx._retry import Retrier, is_transient
from cronnx._transports.base import InferRequest, ServerRequest
from cronnx._transports.bounded import MOST_UNDER_WAY, Bounded
from tests.unit.cronnx.fake_transport import FakeTransport


class HeldTransport(FakeTransport):
    """Holds every inference back until the test releases it."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way = 0
        self.most_under_way = 0
        self.order: list[str] = []
        self.released = asyncio.Semaphore(0)

    async def infer(self, request: InferRequest) -> dict[str, Any]:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        self.order.append(request.request_id)
        try:
            await self.released.acquire()
            return await super().infer(request)
        finally:
            self.under_way -= 1

    def release(self, count: int) -> None:
        for _ in range(count):
            self.released.release()


def request(request_id: str = "", timeout_s: float = 30.0) -> InferRequest:
    image = np.array([[b"cat"]], dtype=object)
    return InferRequest("m", {"image": image}, ("label",), timeout_s=timeout_s, request_id=request_id)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30))


def test_the_bound_is_the_servers_queue() -> None:
    async def ask() -> None:
        held = HeldTransport()
        bounded = Bounded(held)
        asked = [asyncio.create_task(bounded.infer(request())) for _ in range(300)]
        await turns()
        assert held.under_way == MOST_UNDER_WAY == 128
        held.release(300)
        await asyncio.gather(*asked)
        assert held.most_under_way == MOST_UNDER_WAY
        assert len(held.requests) == 300

    run(ask())


def test_requests_wait_in_their_order() -> None:
    async def ask() -> None:
        held = HeldTransport()
        bounded = Bounded(held, most=1)
        asked = [asyncio.create_task(bounded.infer(request(str(position)))) for position in range(5)]
        held.release(5)
        await asyncio.gather(*asked)
        assert held.order == ["0", "1", "2", "3", "4"]

    run(ask())


def test_waiting_counts_in_the_time_of_a_request() -> None:
    async def ask() -> None:
        held = HeldTransport()
        bounded = Bounded(held, most=1)
        first = asyncio.create_task(bounded.infer(request()))
        await turns()
        with pytest.raises(DeadlineExceeded, match="waited in the client") as caught:
            await bounded.infer(request("late", timeout_s=0.05))
        assert caught.value.request_id == "late"
        second = asyncio.create_task(bounded.infer(request(timeout_s=20.0)))
        await asyncio.sleep(0.05)
        held.release(2)
        await asyncio.gather(first, second)
        assert held.requests[1].timeout_s < 20.0

    run(ask())


@pytest.mark.parametrize("is_its_turn", [False, True])
def test_a_cancelled_request_gives_its_turn_to_the_next(is_its_turn: bool) -> None:
    async def ask() -> None:
        held = HeldTransport()
        bounded = Bounded(held, most=1)
        first, second, third = (asyncio.create_task(bounded.infer(request(name))) for name in ("1", "2", "3"))
        await turns()
        if is_its_turn:
            bounded._leave()  # gives the turn to the second, which is cancelled before it runs
            bounded._under_way += 1  # the first is still under way
        second.cancel()
        held.release(2)
        await asyncio.gather(first, third)
        assert held.order == ["1", "3"]
        with pytest.raises(asyncio.CancelledError):
            await second

    run(ask())


def test_a_failed_request_gives_its_place_back() -> None:
    async def ask() -> None:
        failing = FakeTransport()
        failing.failure = InvalidInput("no")
        bounded = Bounded(failing, most=1)
        for _ in range(3):
            with pytest.raises(InvalidInput):
                await bounded.infer(request())
        assert len(failing.requests) == 3

    run(ask())


def test_closing_ends_the_requests_that_wait() -> None:
    async def ask() -> None:
        held = HeldTransport()
        bounded = Bounded(held, most=1)
        first, second = (asyncio.create_task(bounded.infer(request())) for _ in range(2))
        await turns()
        await bounded.close()
        with pytest.raises(ConnectionFailed, match="was closed"):
            await second
        assert held.close_count == 1
        held.release(1)
        await first

    run(ask())


def test_other_requests_are_not_held_back() -> None:
    async def ask() -> None:
        held = HeldTransport()
        bounded = Bounded(held, most=1)
        waiting = asyncio.create_task(bounded.infer(request()))
        await turns()
        assert await bounded.send(ServerRequest(lambda api: api.is_server_live(), 1.0))
        held.release(1)
        await waiting

    run(ask())


class FullTransport(HeldTransport):
    """A server with a queue of a few inferences, which refuses others."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.refused = 0

    async def infer(self, request: InferRequest) -> dict[str, Any]:
        if self.under_way >= self.room:
            self.refused += 1
            raise Overloaded("Exceeds maximum queue size")
        return await super().infer(request)


def test_requests_that_are_refused_together_halve_the_bound_once() -> None:
    async def ask() -> None:
        full = FullTransport(room=0)
        bounded = Bounded(full)
        answers = await asyncio.gather(*(bounded.infer(request()) for _ in range(100)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {Overloaded}
        assert 1 <= bounded._bound <= 50

    run(ask())


def test_a_full_server_is_asked_less_and_answers_raise_the_bound_again() -> None:
    async def ask() -> None:
        full = FullTransport(room=20)
        bounded = Bounded(full)
        retrier = Retrier(Retry(first_backoff_s=0.001, longest_backoff_s=0.01))

        async def one() -> None:
            await retrier.run(
                lambda left_s: bounded.infer(request(timeout_s=left_s)), timeout_s=30.0, may_repeat=is_transient
            )

        asked = [asyncio.create_task(one()) for _ in range(1000)]
        while not all(task.done() for task in asked):
            full.release(1)
            await asyncio.sleep(0)
        await asyncio.gather(*asked)
        assert full.refused < 1000
        full.room = 1000
        full.release(2000)
        for _ in range(1280):
            await bounded.infer(request())
        assert bounded._bound == MOST_UNDER_WAY

    run(ask())


def test_a_server_that_refuses_everything_is_still_asked() -> None:
    async def ask() -> None:
        full = FullTransport(room=0)
        bounded = Bounded(full)
        for _ in range(20):
            with pytest.raises(Overloaded):
                await bounded.infer(request())
        full.room = 1
        full.release(1)
        await bounded.infer(request())

    run(ask())
