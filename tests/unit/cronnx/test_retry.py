from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import pytest

from cronnx import (
    ConnectionFailed,
    CronnxError,
    DeadlineExceeded,
    InvalidInput,
    ModelNotFound,
    NotReady,
    Overloaded,
    Retry,
    ServerFault,
)
from cronnx._retry import Retrier, is_transient, never_arrived


@dataclass
class World:
    """A clock that only pauses and slow requests advance, and a server that repeats the last of its answers."""

    answers: list[CronnxError | str]
    request_s: float = 0.0
    random: float = 1.0
    now: float = 100.0
    pauses: list[float] = field(default_factory=list)
    budgets: list[float] = field(default_factory=list)

    def run(self, retry: Retry, *, timeout_s: float = 1000.0) -> str:
        retrier = Retrier(retry, clock=lambda: self.now, sleep=self._sleep, random=lambda: self.random)
        return asyncio.run(retrier.run(self._send, timeout_s=timeout_s, may_repeat=is_transient))

    async def _sleep(self, pause_s: float) -> None:
        self.pauses.append(pause_s)
        self.now += pause_s

    async def _send(self, left_s: float) -> str:
        self.budgets.append(left_s)
        self.now += self.request_s
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, CronnxError):
            raise answer
        return answer


def test_an_answer_needs_no_second_attempt() -> None:
    world = World(["yes"])
    assert world.run(Retry()) == "yes"
    assert (world.budgets, world.pauses) == ([1000.0], [])


def test_a_request_is_sent_again_until_it_is_answered() -> None:
    world = World([Overloaded("full"), NotReady("soon"), ConnectionFailed("gone"), "yes"])
    assert world.run(Retry()) == "yes"


def test_the_last_attempts_error_is_raised() -> None:
    last = NotReady("still not")
    world = World([NotReady("not yet"), NotReady("not yet"), last])
    with pytest.raises(NotReady) as caught:
        world.run(Retry(attempts=3))
    assert caught.value is last
    assert len(world.budgets) == 3


def test_pauses_double_up_to_the_longest() -> None:
    world = World([NotReady("no")])
    with pytest.raises(NotReady):
        world.run(Retry(attempts=6, first_backoff_s=0.5, longest_backoff_s=3.0))
    assert world.pauses == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_pause_is_a_random_part_of_that() -> None:
    world = World([NotReady("no")], random=0.25)
    with pytest.raises(NotReady):
        world.run(Retry(attempts=3, first_backoff_s=1.0, longest_backoff_s=8.0))
    assert world.pauses == [0.25, 0.5]


def test_all_attempts_and_pauses_share_one_budget() -> None:
    world = World([NotReady("no"), NotReady("no"), "yes"], request_s=3.0)
    world.run(Retry(first_backoff_s=1.0), timeout_s=20.0)
    assert world.budgets == [20.0, 16.0, 11.0]


def test_if_the_time_is_too_short_for_a_retry_the_last_error_is_raised() -> None:
    world = World([NotReady("no")], request_s=3.0)
    with pytest.raises(NotReady):
        world.run(Retry(first_backoff_s=1.0), timeout_s=8.0)
    assert (len(world.budgets), world.pauses) == (2, [1.0])


def test_thousands_of_attempts_overflow_nothing() -> None:
    world = World([NotReady("no")], random=0.0)
    with pytest.raises(NotReady):
        world.run(Retry(attempts=3000))
    assert len(world.budgets) == 3000


def test_a_full_queue_is_asked_until_the_deadline() -> None:
    world = World([Overloaded("full")], request_s=1.0)
    with pytest.raises(Overloaded):
        world.run(Retry(first_backoff_s=1.0, longest_backoff_s=1.0), timeout_s=21.0)
    assert len(world.budgets) == 11


def test_a_full_queue_is_not_counted_as_a_failure() -> None:
    full, down = Overloaded("full"), NotReady("no")
    world = World([full, down, full, full, down, full, full, "yes"])
    assert world.run(Retry(attempts=3)) == "yes"


def test_a_single_attempt_finds_a_full_queue_at_once() -> None:
    world = World([Overloaded("full"), "yes"])
    with pytest.raises(Overloaded):
        world.run(Retry(attempts=1))


@pytest.mark.parametrize("kind", [DeadlineExceeded, InvalidInput, ModelNotFound, ServerFault, CronnxError])
def test_an_error_that_a_retry_cannot_fix_is_raised_at_once(kind: type[CronnxError]) -> None:
    world = World([kind("no")])
    with pytest.raises(kind):
        world.run(Retry())
    assert len(world.budgets) == 1


def test_a_command_is_repeated_only_if_no_server_received_it() -> None:
    lost, refused = ConnectionFailed("lost"), ConnectionFailed("refused")
    refused.request_sent = False
    assert never_arrived(refused)
    assert not any(map(never_arrived, [lost, NotReady("no"), Overloaded("full"), DeadlineExceeded("late")]))


@pytest.mark.parametrize(
    "arguments", [{"attempts": 0}, {"first_backoff_s": -1.0}, {"first_backoff_s": 3.0, "longest_backoff_s": 2.0}]
)
def test_a_retry_that_makes_no_sense_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="expected attempts >= 1"):
        Retry(**arguments)  # type: ignore[arg-type]  # what is tested


def test_a_retry_is_logged_with_the_request(caplog: pytest.LogCaptureFixture) -> None:
    error = NotReady("still loading", model_name="efficientnet_lite0", request_id="a-1")
    with caplog.at_level(logging.INFO, logger="cronnx"):
        World([error, "answer"]).run(Retry(first_backoff_s=0.25))
    (record,) = caplog.records
    assert record.getMessage() == "attempt 1 failed, retrying in 0.250 s: still loading"
    assert (record.model_name, record.request_id) == ("efficientnet_lite0", "a-1")  # type: ignore[attr-defined]


def test_a_final_error_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="cronnx"), pytest.raises(InvalidInput):
        World([InvalidInput("no such picture")]).run(Retry())
    assert caplog.records == []
