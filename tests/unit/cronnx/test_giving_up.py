"""`classify_many` that ends before its images do."""

from __future__ import annotations

import asyncio
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cronnx import Client, CronnxError
from tests.unit.cronnx.answers import classify
from tests.unit.cronnx.fake_transport import FakeTransport
from tests.unit.cronnx.interrupt import interrupt_the_main_thread_when_it_waits


class Silent(FakeTransport):
    """Answers nothing, and knows how many requests wait and how many were given up."""

    def __init__(self, *, enough: int) -> None:
        super().__init__()
        self.enough = enough
        self.waiting = threading.Semaphore(0)
        self.given_up = threading.Semaphore(0)

    async def infer(self, request: Any) -> Any:
        self.requests.append(request)
        if len(self.requests) <= self.enough:
            return classify([b"cat"])
        self.waiting.release()
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up.release()


def acquire(semaphore: threading.Semaphore, count: int) -> None:
    assert all(semaphore.acquire(timeout=10) for _ in range(count))


def test_closing_early_gives_up_what_is_under_way() -> None:
    transport = Silent(enough=1)
    with Client(transport=transport) as client:
        outcomes = client.classify_many(itertools.repeat(b"cat"), concurrency=3)
        next(outcomes)
        acquire(transport.waiting, 3)
        outcomes.close()
        acquire(transport.given_up, 3)
        assert len(transport.requests) == 4


def test_outcomes_that_are_forgotten_give_up_what_is_under_way() -> None:
    transport = Silent(enough=1)
    with Client(transport=transport) as client:
        for _ in client.classify_many(itertools.repeat(b"cat"), concurrency=3):
            acquire(transport.waiting, 3)
            break
        acquire(transport.given_up, 3)


def test_control_c_gives_up_what_is_under_way() -> None:
    transport = Silent(enough=0)

    def interrupt() -> None:
        acquire(transport.waiting, 3)
        interrupt_the_main_thread_when_it_waits()

    with Client(transport=transport) as client:
        interrupter = threading.Thread(target=interrupt)
        interrupter.start()
        with pytest.raises(KeyboardInterrupt):
            next(client.classify_many(itertools.repeat(b"cat"), concurrency=3))
        acquire(transport.given_up, 3)
        interrupter.join()


def test_closing_the_client_ends_the_outcomes() -> None:
    transport = Silent(enough=1)
    client = Client(transport=transport)
    outcomes = client.classify_many(itertools.repeat(b"cat"), concurrency=3)
    next(outcomes)
    acquire(transport.waiting, 3)
    with ThreadPoolExecutor() as callers:
        rest = callers.submit(next, outcomes)
        client.close()
        with pytest.raises(CronnxError):
            rest.result(10)
