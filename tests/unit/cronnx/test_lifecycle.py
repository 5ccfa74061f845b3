"""How clients, calls and requests end, over gRPC and over HTTP."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
from contextlib import aclosing

import pytest

from cronnx import (
    AsyncClient,
    ConnectionFailed,
    CronnxError,
    Retry,
)
from tests.unit.cronnx.conftest import Served


def test_an_asynchronous_client_answers_on_the_callers_loop(served: Served) -> None:
    async def ask() -> list[str]:
        async with AsyncClient(served.url) as client:
            one = await client.classify(b"cat")
            many = await client.classify([b"a", b"b", b"c", b"d", b"e"])
            return [one.label, *(answer.label for answer in many)]

    assert asyncio.run(ask()) == ["cat", "a", "b", "c", "d", "e"]


def test_a_client_may_be_made_before_its_loop(served: Served) -> None:
    client = AsyncClient(served.url)

    async def ask() -> str:
        async with client:
            return (await client.classify(b"cat")).label

    assert asyncio.run(ask()) == "cat"


def test_a_client_refuses_another_event_loop(served: Served) -> None:
    client = AsyncClient(served.url)
    asyncio.run(client.classify(b"cat"))
    with pytest.raises(CronnxError, match="event loop of its first request"):
        asyncio.run(client.classify(b"cat"))


def test_closing_ends_a_request_under_way_and_cancels_no_task(served: Served) -> None:
    entered = served.triton.hang()

    async def ask() -> None:
        async with AsyncClient(served.url) as client:
            answer = asyncio.create_task(client.classify(b"cat"))
            await asyncio.to_thread(entered.wait, 10)
            await client.close()
            with pytest.raises(ConnectionFailed, match="was closed"):
                await answer
            with pytest.raises(CronnxError, match="closed: make a new one"):
                await client.classify(b"cat")

    asyncio.run(ask())


@pytest.mark.parametrize("attempts", [1, 4])
def test_a_cancelled_call_is_cancelled(served: Served, attempts: int) -> None:
    entered = served.triton.hang()

    async def ask() -> None:
        async with AsyncClient(served.url, retry=Retry(attempts=attempts)) as client:
            answer = asyncio.create_task(client.classify(b"cat"))
            await asyncio.to_thread(entered.wait, 10)
            answer.cancel()
            with pytest.raises(asyncio.CancelledError):
                await answer

    asyncio.run(ask())
    assert len(served.triton.requests) == 1


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_collected_client_prints_nothing(served: Served, is_closed: bool) -> None:
    program = f"""
import asyncio, gc
from cronnx import AsyncClient, Client

client = Client({served.url!r})
client.classify(b"cat")
if {is_closed}:
    client.close()

async def main():
    global kept
    client = kept = AsyncClient({served.url!r})
    await client.classify(b"cat")
    async for outcome in client.classify_many([b"cat"] * 100):
        break
    if {is_closed}:
        await client.close()

asyncio.run(main())
del kept
gc.collect()
asyncio.run(main())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("", "")


def test_an_unclosed_client_of_a_running_loop_logs_nothing(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    async def forget() -> None:
        await AsyncClient(served.url).classify(b"cat")
        gc.collect()
        await asyncio.sleep(0)

    with caplog.at_level(logging.INFO):
        asyncio.run(forget())
    assert caplog.records == []


def test_closing_the_outcomes_frees_their_requests(served: Served) -> None:
    entered = served.triton.hang()

    async def ask() -> None:
        async with AsyncClient(served.url) as client, aclosing(client.classify_many([b"cat"] * 100)) as outcomes:
            first = asyncio.ensure_future(anext(outcomes))
            await asyncio.to_thread(entered.wait, 10)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first

    asyncio.run(ask())
