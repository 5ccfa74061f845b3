from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import pytest

from cronnx import ConnectionFailed, CronnxError, DeadlineExceeded, InvalidInput, NotReady, Overloaded
from cronnx._transports.base import InferRequest, ServerRequest
from cronnx._transports.failover import Failover
from tests.unit.cronnx.answers import classify
from tests.unit.cronnx.fake_transport import FakeTransport

A = TypeVar("A")


class Servers:
    """Servers behind a failover, and its clock."""

    def __init__(self, count: int) -> None:
        self.now = 0.0
        self.transports = [FakeTransport() for _ in range(count)]
        self.failover = Failover(self.transports, clock=lambda: self.now)

    def ask(self, count: int = 1) -> list[int]:
        """Run `count` inferences and return the number of requests that each server received."""
        before = self.counts()

        async def run() -> None:
            for _ in range(count):
                await self.failover.infer(request())
                await asyncio.sleep(0)  # the other checks of this moment end

        asyncio.run(run())
        return [now - then for now, then in zip(self.counts(), before, strict=True)]

    def fail(self, index: int, error: CronnxError | None) -> None:
        """Let the inferences of a server fail, its health unaffected; None lets them succeed."""

        def answer(images: Sequence[bytes]) -> dict[str, Any]:
            if error:
                raise error
            return classify(images)

        self.transports[index].answer = answer

    def counts(self) -> list[int]:
        return [len(transport.requests) for transport in self.transports]

    def checks(self) -> list[int]:
        return [len(transport.asked("is_server_live")) for transport in self.transports]


def request() -> InferRequest:
    return InferRequest("m", {"image": np.array([[b"cat"]], dtype=object)}, ("label",), timeout_s=30.0)


def refused() -> ConnectionFailed:
    error = ConnectionFailed("refused")
    error.request_sent = False
    return error


def test_servers_take_turns() -> None:
    assert Servers(3).ask(9) == [3, 3, 3]


@pytest.mark.parametrize("error", [refused(), ConnectionFailed("lost"), NotReady("starting")])
def test_a_request_goes_to_the_next_server_at_once(error: CronnxError) -> None:
    servers = Servers(2)
    servers.fail(0, error)
    assert servers.ask(4) == [1, 4]


@pytest.mark.parametrize("error", [InvalidInput("no"), Overloaded("full"), DeadlineExceeded("late")])
def test_an_error_that_another_server_cannot_fix_is_raised(error: CronnxError) -> None:
    servers = Servers(2)
    servers.fail(0, error)
    servers.fail(1, error)
    with pytest.raises(type(error)):
        servers.ask()
    assert sum(servers.counts()) == 1


def test_a_server_that_was_silent_until_the_deadline_is_set_aside() -> None:
    servers = Servers(2)
    servers.fail(1, DeadlineExceeded("late"))
    with pytest.raises(DeadlineExceeded):
        servers.ask()
    servers.fail(1, None)
    assert servers.ask(4) == [4, 0]


@pytest.mark.parametrize("error", [refused(), DeadlineExceeded("late")])
def test_a_server_that_answers_no_check_gets_no_request(error: CronnxError) -> None:
    servers = Servers(2)
    servers.transports[0].failure = error
    assert servers.ask(10) == [0, 10]
    assert servers.checks() == [1, 1]


def test_a_server_that_refuses_the_check_is_there() -> None:
    servers = Servers(2)
    servers.transports[0].failure = InvalidInput("health is restricted")
    servers.ask()
    servers.transports[0].failure = None
    assert servers.ask(4) == [2, 2]


def test_a_failed_server_is_checked_again_after_growing_pauses() -> None:
    servers = Servers(2)
    servers.transports[0].failure = refused()
    checked_at = []
    for tick in range(200):
        servers.now = tick / 4
        before = servers.checks()[0]
        assert servers.ask(2)[0] == 0
        if servers.checks()[0] > before:
            checked_at.append(servers.now)
    assert checked_at == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]


def test_the_pause_grows_to_half_a_minute() -> None:
    servers = Servers(2)
    servers.transports[0].failure = refused()
    for _ in range(20):
        servers.now += 30.0
        servers.ask(2)
    servers.transports[0].failure = None
    servers.now += 29.0
    assert servers.ask(2) == [0, 2]
    servers.now += 1.0
    servers.ask(1)
    assert servers.ask(2) == [1, 1]


def test_a_server_that_is_back_takes_its_turn_again() -> None:
    servers = Servers(2)
    for _ in range(2):
        servers.transports[0].failure = refused()
        servers.ask(2)
        servers.transports[0].failure = None
        servers.now += 0.5
        servers.ask(1)
        assert servers.ask(10) == [5, 5]


def test_requests_that_fail_together_count_as_one_failure() -> None:
    servers = Servers(2)
    servers.ask(2)
    servers.fail(0, NotReady("stopping"))

    async def ask_at_once() -> None:
        await asyncio.gather(*(servers.failover.infer(request()) for _ in range(20)))

    asyncio.run(ask_at_once())
    servers.fail(0, None)
    servers.now += 0.5
    servers.ask(1)
    assert servers.ask(4) == [2, 2]


def test_if_all_are_down_the_one_that_failed_first_is_tried() -> None:
    servers = Servers(3)
    for transport in servers.transports:
        transport.failure = refused()
    tried = []
    for _ in range(6):
        before = servers.counts()
        with pytest.raises(ConnectionFailed):
            servers.ask()
        tried.append([now - then for now, then in zip(servers.counts(), before, strict=True)])
        servers.now += 0.01
    assert np.sum(tried, axis=0).tolist() == [2, 2, 2]
    assert all(sum(each) == 1 for each in tried)


def test_the_time_that_a_server_took_is_deducted_for_the_next() -> None:
    servers = Servers(2)

    def slow(_images: object) -> dict[str, Any]:
        servers.now += 10.0
        raise NotReady("stopping")

    servers.transports[1].answer = slow
    servers.ask()
    assert servers.transports[0].requests[0].timeout_s == 20.0


def test_without_time_left_there_is_no_next_server() -> None:
    servers = Servers(2)

    def slow(_images: object) -> dict[str, Any]:
        servers.now += 30.0
        raise NotReady("stopping")

    servers.transports[1].answer = slow
    with pytest.raises(NotReady):
        servers.ask()
    assert servers.counts() == [0, 1]


def test_a_question_goes_to_one_server() -> None:
    servers = Servers(2)
    asked = ServerRequest(lambda api: api.is_model_ready("efficientnet_lite0"), 1.0)
    assert asyncio.run(servers.failover.send(asked)) is True
    assert sum(len(transport.asked("is_model_ready")) for transport in servers.transports) == 1


def test_closing_closes_every_server() -> None:
    servers = Servers(2)
    asyncio.run(servers.failover.close())
    assert [transport.close_count for transport in servers.transports] == [1, 1]


class SilentTransport(FakeTransport):
    """Never answers, until the test ends its silence."""

    def __init__(self) -> None:
        super().__init__()
        self.is_silent = True
        self.cancelled = 0

    async def infer(self, request: InferRequest) -> dict[str, Any]:
        self.requests.append(request)
        await self._silence()
        return classify([b"cat"])

    async def is_server_live(self) -> bool:
        self._record("is_server_live")
        await self._silence()
        return True

    async def send(self, request: ServerRequest[A]) -> A:
        try:
            return await asyncio.wait_for(request.call(self), request.timeout_s)
        except asyncio.TimeoutError as error:
            raise DeadlineExceeded("late") from error

    async def _silence(self) -> None:
        try:
            while self.is_silent:
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


def test_no_request_waits_for_a_silent_server() -> None:
    async def ask() -> None:
        silent, live = SilentTransport(), FakeTransport()
        failover = Failover([silent, live], check_s=30)
        for _ in range(10):
            await failover.infer(request())
        assert (len(silent.requests), len(live.requests)) == (0, 10)
        assert len(silent.asked("is_server_live")) == 1
        await failover.close()
        assert silent.cancelled == 1

    asyncio.run(asyncio.wait_for(ask(), 30))


def test_a_request_leaves_a_server_that_falls_silent() -> None:
    async def ask() -> None:
        silent, live = SilentTransport(), FakeTransport()
        silent.is_silent = False
        failover = Failover([silent, live], check_s=0.1)
        for _ in range(4):
            await failover.infer(request())
            await asyncio.sleep(0)
        assert (len(silent.requests), len(live.requests)) == (2, 2)
        silent.is_silent = True
        await asyncio.gather(*(failover.infer(request()) for _ in range(4)))
        assert (len(silent.requests), len(live.requests)) == (4, 6)
        assert silent.cancelled == 3  # two inferences and one check

    asyncio.run(asyncio.wait_for(ask(), 30))


def test_a_request_stays_with_a_slow_server_that_answers_its_check() -> None:
    async def ask() -> None:
        slow, live = FakeTransport(), FakeTransport()
        answered = asyncio.Event()

        async def infer(request: InferRequest) -> dict[str, Any]:
            slow.requests.append(request)
            while len(slow.asked("is_server_live")) < 3:  # the first, and two while it is slow
                await asyncio.sleep(0.01)
            answered.set()
            return classify([b"cat"])

        slow.infer = infer  # type: ignore[method-assign]
        failover = Failover([live, slow], check_s=0.1)
        await failover.infer(request())
        assert answered.is_set()
        assert (len(slow.requests), len(live.requests)) == (1, 0)

    asyncio.run(asyncio.wait_for(ask(), 30))


def test_a_request_stays_with_a_silent_server_if_no_other_is_up() -> None:
    async def ask() -> None:
        silent, down = SilentTransport(), FakeTransport()
        down.failure = refused()
        silent.is_silent = False
        failover = Failover([silent, down], check_s=0.1)
        await failover.infer(request())
        silent.is_silent = True
        answer = asyncio.create_task(failover.infer(request()))
        while len(silent.asked("is_server_live")) < 2 or not silent.cancelled:
            await asyncio.sleep(0.01)
        silent.is_silent = False
        await answer
        assert len(silent.requests) == 2

    asyncio.run(asyncio.wait_for(ask(), 30))
