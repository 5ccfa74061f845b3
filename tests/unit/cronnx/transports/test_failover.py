from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from cronnx import ConnectionFailed, CronnxError, DeadlineExceeded, InvalidInput, NotReady, Overloaded
from cronnx._transports.base import InferRequest, ServerRequest
from cronnx._transports.failover import Failover
from tests.unit.cronnx.fake_transport import FakeTransport


class Servers:
    """Servers behind a failover, and its clock."""

    def __init__(self, count: int) -> None:
        self.now = 0.0
        self.transports = [FakeTransport() for _ in range(count)]
        self.failover = Failover(self.transports, clock=lambda: self.now)

    def ask(self, count: int = 1) -> list[int]:
        """Run `count` inferences and return the number of requests that each server received."""
        before = self.counts()
        for _ in range(count):
            asyncio.run(self.failover.infer(request()))
        return [now - then for now, then in zip(self.counts(), before, strict=True)]

    def counts(self) -> list[int]:
        return [len(transport.requests) for transport in self.transports]


def request() -> InferRequest:
    return InferRequest("m", {"image": np.array([[b"cat"]], dtype=object)}, ("label",), timeout_s=30.0)


LOAD = ServerRequest(lambda api: api.load_model("m"), 30.0, "m", is_command=True)
UNLOAD = ServerRequest(lambda api: api.unload_model("m"), 30.0, "m", is_command=True)


def refused() -> ConnectionFailed:
    error = ConnectionFailed("refused")
    error.request_sent = False
    return error


def test_servers_take_turns() -> None:
    assert Servers(3).ask(9) == [3, 3, 3]


@pytest.mark.parametrize("error", [refused(), ConnectionFailed("lost"), NotReady("starting")])
def test_a_request_goes_to_the_next_server_at_once(error: CronnxError) -> None:
    servers = Servers(2)
    servers.transports[0].failure = error
    assert servers.ask(4) == [1, 4]


@pytest.mark.parametrize("error", [InvalidInput("no"), Overloaded("full"), DeadlineExceeded("late")])
def test_an_error_that_another_server_cannot_fix_is_raised(error: CronnxError) -> None:
    servers = Servers(2)
    for transport in servers.transports:
        transport.failure = error
    with pytest.raises(type(error)):
        servers.ask()
    assert sum(servers.counts()) == 1


def test_a_server_that_was_silent_until_the_deadline_is_set_aside() -> None:
    servers = Servers(2)
    servers.transports[1].failure = DeadlineExceeded("late")
    with pytest.raises(DeadlineExceeded):
        servers.ask()
    servers.transports[1].failure = None
    assert servers.ask(4) == [4, 0]


def test_a_failed_server_is_tried_again_after_growing_pauses() -> None:
    servers = Servers(2)
    servers.transports[0].failure = refused()
    tried_at = []
    for tick in range(200):
        servers.now = tick / 4
        if servers.ask(2)[0]:
            tried_at.append(servers.now)
    assert tried_at == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]


def test_the_pause_grows_to_half_a_minute() -> None:
    servers = Servers(2)
    servers.transports[0].failure = refused()
    for _ in range(2000):
        servers.now += 30.0
        servers.ask(2)
    servers.transports[0].failure = None
    servers.now += 29.0
    assert servers.ask(2) == [0, 2]
    servers.now += 1.0
    assert servers.ask(2) == [1, 1]


def test_a_server_that_is_back_takes_its_turn_again() -> None:
    servers = Servers(2)
    servers.transports[0].failure = refused()
    servers.ask(2)
    servers.transports[0].failure = None
    servers.now += 0.5
    assert servers.ask(10) == [5, 5]
    servers.transports[0].failure = refused()
    servers.ask(2)
    servers.transports[0].failure = None
    servers.now += 0.5
    assert servers.ask(10) == [5, 5]


def test_if_all_are_down_the_one_that_failed_first_is_tried() -> None:
    servers = Servers(3)
    for transport in servers.transports:
        transport.failure = refused()
    tried = []
    for _ in range(5):
        before = servers.counts()
        with pytest.raises(ConnectionFailed):
            servers.ask()
        tried.append([now - then for now, then in zip(servers.counts(), before, strict=True)])
        servers.now += 0.01
    assert tried[0] == [1, 1, 1]
    assert np.sum(tried[1:4], axis=0).tolist() == [1, 1, 1]
    assert tried[4] == tried[1]


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
    assert asyncio.run(servers.failover.send(ServerRequest(lambda api: api.is_server_live(), 1.0))) is True
    assert sum(len(transport.calls) for transport in servers.transports) == 1


def test_a_command_goes_to_every_server() -> None:
    servers = Servers(3)
    asyncio.run(servers.failover.send(LOAD))
    assert [transport.asked("load_model") for transport in servers.transports] == [["m"]] * 3


def test_a_command_that_one_server_refuses_reaches_the_others() -> None:
    servers = Servers(3)
    servers.transports[0].failure = InvalidInput("no")
    with pytest.raises(InvalidInput):
        asyncio.run(servers.failover.send(UNLOAD))
    assert [transport.asked("unload_model") for transport in servers.transports] == [["m"]] * 3


@pytest.mark.parametrize(("down", "request_sent"), [((0, 1), False), ((1,), True)])
def test_a_command_that_one_server_received_is_not_repeated(down: tuple[int, ...], request_sent: bool) -> None:
    servers = Servers(2)
    for index in down:
        servers.transports[index].failure = refused()
    with pytest.raises(ConnectionFailed) as caught:
        asyncio.run(servers.failover.send(LOAD))
    assert caught.value.request_sent is request_sent


def test_closing_closes_every_server() -> None:
    servers = Servers(2)
    asyncio.run(servers.failover.close())
    assert [transport.close_count for transport in servers.transports] == [1, 1]
