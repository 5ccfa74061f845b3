"""How clients, calls and requests end, over gRPC and over HTTP."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from cronnx import (
    AsyncClient,
    ConnectionFailed,
    CronnxError,
    Retry,
)
from tests.unit.cronnx.conftest import Served
from tests.unit.cronnx.grpc_triton import GrpcTriton
from tests.unit.cronnx.http_triton import HttpTriton


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

    gc.collect()  # what earlier tests left may log when it is collected
    caplog.clear()
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


def forked(url: str, work: str, *, used: bool = True) -> str:
    """Return what a forked process prints, whose parent has a client and has used it or not."""
    program = f"""
import os
from cronnx import AsyncClient, Client, CronnxError

client = Client({url!r}, timeout_s=30)
if {used}:
    client.classify(b"cat")
process_id = os.fork()
if not process_id:
    try:
        {work}
    except CronnxError as error:
        print(error)
    client.close()
else:
    os.waitpid(process_id, 0)
    print("parent:", client.classify(b"cat").label)
"""
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.mark.parametrize("used", [True, False])
def test_a_client_made_before_a_fork_says_so(served: Served, used: bool) -> None:
    printed = forked(served.url, "client.classify(b'cat')", used=used)
    assert (
        printed == "the client was made before this process was forked: make a new one in each process\nparent: cat\n"
    )


@pytest.mark.parametrize("used", [True, False])
def test_a_new_http_client_works_in_a_forked_process(http_triton: HttpTriton, used: bool) -> None:
    url = f"http://{http_triton.address}"
    assert forked(url, f"print(Client({url!r}).classify(b'dog').label)", used=used) == "dog\nparent: cat\n"


def test_the_readmes_client_works_before_and_after_a_fork(http_triton: HttpTriton) -> None:
    readme = (Path(__file__).parents[3] / "client" / "README.md").read_text()
    (code,) = (each for each in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "register_at_fork" in each)
    program = (
        code.replace("127.0.0.1:8000", http_triton.address)
        + """
for _ in range(2):
    print(client().classify(b"cat").label, flush=True)
process_id = os.fork()
print(client().classify(b"dog").label, flush=True)
if process_id:
    os.waitpid(process_id, 0)
"""
    )
    quiet = ("-W", "ignore:This process:DeprecationWarning")  # from Python 3.12, a fork of a process with threads warns
    ran = subprocess.run(
        [sys.executable, *quiet, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.stdout.split(), ran.stderr) == (["cat", "cat", "dog", "dog"], "")


def test_an_http_client_works_beside_a_parent_with_grpc(http_triton: HttpTriton, grpc_triton: GrpcTriton) -> None:
    work = f"print(Client('http://{http_triton.address}').classify(b'dog').label)"
    assert forked(f"grpc://{grpc_triton.address}", work) == "dog\nparent: cat\n"


def test_grpc_works_in_a_forked_process_if_its_parent_has_not_used_it(grpc_triton: GrpcTriton) -> None:
    url = f"grpc://{grpc_triton.address}"
    assert forked(url, f"print(Client({url!r}).classify(b'dog').label)", used=False) == "dog\nparent: cat\n"


@pytest.mark.parametrize("client", ["Client", "AsyncClient"])
def test_grpc_after_a_fork_says_that_it_does_not_work(grpc_triton: GrpcTriton, client: str) -> None:
    url = f"grpc://{grpc_triton.address}"
    printed = forked(url, f"{client}({url!r})")
    assert "gRPC was used before this process was forked" in printed
    assert "use an http:// URL" in printed


@pytest.mark.parametrize(("scheme", "expected"), [("http", "cat"), ("grpc", "use an http:// URL")])
def test_beside_gevent_a_client_answers_or_says_what_to_do(http_triton: HttpTriton, scheme: str, expected: str) -> None:
    program = f"""
from gevent import monkey; monkey.patch_all()
import gevent
from cronnx import Client, CronnxError

def work():
    try:
        with Client("{scheme}://{http_triton.address}", timeout_s=10) as client:
            return client.classify(b"cat").label
    except CronnxError as error:
        return str(error)

print(gevent.spawn(work).get())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert expected in ran.stdout
