from __future__ import annotations

import asyncio
import gc
import mmap
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import numpy as np
import pytest

from cronnx import (
    ConnectionFailed,
    CronnxError,
    DeadlineExceeded,
    InvalidInput,
    NotReady,
    ServerFault,
)
from cronnx._transports.base import InferRequest, ServerRequest
from cronnx._transports.regions import Owner
from cronnx._transports.shared_memory import SharedMemory
from tests.unit.cronnx.answers import elements
from tests.unit.cronnx.transports.memory_server import MemoryServer, names


def request(size: int = 3, *, timeout_s: float = 30.0) -> InferRequest:
    image = np.array([[b"x" * size]], dtype=object)
    return InferRequest("m", {"image": image}, ("label",), timeout_s=timeout_s)


@pytest.fixture
def server() -> MemoryServer:
    return MemoryServer()


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    before = names()
    yield
    gc.collect()
    assert names() <= before


def run(server: MemoryServer, use: Callable[[SharedMemory], Coroutine[Any, Any, None]], *, closed: int = 1) -> None:
    async def main() -> None:
        shared = SharedMemory(server)
        await use(shared)
        await shared.close()
        assert server.close_count == closed

    asyncio.run(main())


def test_the_server_reads_what_was_given(server: MemoryServer) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(1, 2, 3, 4)[:, :, ::-1]
    image = np.array([[b"\0a\0"], [b""]], dtype=object)
    score = np.array([1.5], np.float16)
    empty = np.zeros((0, 3), np.float32)

    async def use(shared: SharedMemory) -> None:
        inputs = {"pixels": pixels, "image": image, "score": score, "empty": empty}
        await shared.infer(InferRequest("m", inputs, None, timeout_s=1.0))

    run(server, use)
    (read,) = server.read
    assert read["pixels"] == pixels.tobytes()
    assert elements(read["image"]) == [b"\0a\0", b""]
    assert read["score"] == score.tobytes()
    assert read["empty"] == b""


def test_a_region_is_used_again(server: MemoryServer) -> None:
    async def use(shared: SharedMemory) -> None:
        for size in (10, 1000, 60_000):
            await shared.infer(request(size))
        assert len(server.regions) == 1

    run(server, use)


def test_a_larger_input_gets_a_larger_region(server: MemoryServer) -> None:
    async def use(shared: SharedMemory) -> None:
        await shared.infer(request(10))
        await shared.infer(request(1_000_000))
        await shared.infer(request(10))
        assert len(server.regions) == 2

    run(server, use)
    assert [len(read["image"]) for read in server.read] == [14, 1_000_004, 14]


def test_requests_at_once_have_regions_of_their_own(server: MemoryServer) -> None:
    server.is_slow = True

    async def use(shared: SharedMemory) -> None:
        answers = [asyncio.create_task(shared.infer(request(size))) for size in (1, 2, 3)]
        while len(server.under_way) < 3:
            await asyncio.sleep(0)
        assert len(server.regions) == 3
        for event in server.under_way:
            event.set()
        await asyncio.gather(*answers)

    run(server, use)


def test_region_names_cannot_be_guessed(server: MemoryServer) -> None:
    async def use(shared: SharedMemory) -> None:
        await shared.infer(request())
        (name,) = server.regions
        assert len(name.rsplit("-", 1)[1]) == 32

    run(server, use)


def test_closing_leaves_nothing(server: MemoryServer) -> None:
    async def use(shared: SharedMemory) -> None:
        await shared.infer(request())
        assert len(server.regions) == 1
        assert not names() & set(server.regions)

    run(server, use)
    assert server.regions == {}


def test_a_refused_request_leaves_its_region_to_the_next(server: MemoryServer) -> None:
    server.abort = InvalidInput("broken", server_message="broken")

    async def use(shared: SharedMemory) -> None:
        for _ in range(3):
            with pytest.raises(InvalidInput):
                await shared.infer(request())
        assert len(server.regions) == 1

    run(server, use)


@pytest.mark.parametrize("failure", [DeadlineExceeded("late"), ConnectionFailed("lost"), asyncio.CancelledError()])
def test_a_region_that_the_server_may_still_read_is_not_used_again(
    server: MemoryServer, failure: BaseException
) -> None:
    async def use(shared: SharedMemory) -> None:
        server.abort, server.still_reads = failure, True
        with pytest.raises(type(failure)):
            await shared.infer(request())
        (first,) = server.regions
        server.abort = None
        await shared.infer(request())
        assert len(server.regions) == 2
        server.still_reads = False
        while first in server.regions:  # without another request
            await asyncio.sleep(0.01)

    run(server, use)
    assert server.regions == {}


def test_a_region_whose_registration_got_no_answer_is_not_left(server: MemoryServer) -> None:
    server.lost_answer = DeadlineExceeded("late")

    async def use(shared: SharedMemory) -> None:
        with pytest.raises(DeadlineExceeded):
            await shared.infer(request())

    run(server, use)
    assert server.regions == {}


def test_closing_ends_the_requests_under_way_and_leaves_nothing(server: MemoryServer) -> None:
    server.is_slow = True

    async def main() -> None:
        shared = SharedMemory(server)
        answers = [asyncio.create_task(shared.infer(request())) for _ in range(3)]
        while len(server.under_way) < 3:
            await asyncio.sleep(0)
        await shared.close()
        for answer in answers:
            with pytest.raises(ConnectionFailed, match="closed before the answer"):
                await answer

    asyncio.run(main())
    assert server.regions == {}


def test_closing_waits_for_a_region_that_the_server_still_reads(server: MemoryServer) -> None:
    async def main() -> None:
        shared = SharedMemory(server)
        await shared.infer(request())
        server.still_reads = True
        closing = asyncio.create_task(shared.close())
        await asyncio.sleep(0.05)
        assert not closing.done()
        server.still_reads = False
        await closing

    asyncio.run(main())
    assert server.regions == {}


def test_closing_does_not_wait_for_a_server_that_is_gone(server: MemoryServer) -> None:
    async def use(shared: SharedMemory) -> None:
        await shared.infer(request())
        server.is_gone = True

    run(server, use)
    assert len(server.unregistered) == 1


KILLED = """
import asyncio, os, signal, sys
from tests.unit.cronnx.transports.memory_server import MemoryServer
from tests.unit.cronnx.transports.test_shared_memory import request
from cronnx._transports.regions import Owner
from cronnx._transports.shared_memory import SharedMemory
server = MemoryServer()
asyncio.run(SharedMemory(server).infer(request()))
print(*server.regions, Owner().new_region(10).name, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_client_leaves_nothing_to_the_next(server: MemoryServer) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED], check=False, capture_output=True, text=True)
    region, unregistered = killed.stdout.split()
    assert region not in names()
    assert unregistered in names()  # it was killed between making the file and the server's answer
    server.regions[region] = mmap.mmap(-1, 1)

    async def use(shared: SharedMemory) -> None:
        await shared.infer(request())
        assert unregistered not in names()

    run(server, use)
    assert server.regions == {}


def test_a_region_of_another_client_that_lives_is_left_alone(server: MemoryServer) -> None:
    async def use(shared: SharedMemory) -> None:
        other = SharedMemory(server)
        await other.infer(request())
        (region,) = server.regions
        await shared.infer(request())
        assert server.regions.keys() > {region}
        await other.close()

    run(server, use, closed=2)
    assert server.regions == {}


def test_a_region_of_another_container_is_left_alone(server: MemoryServer) -> None:
    foreign = f"cronnx-1-{'0' * 16}-{'0' * 32}"
    server.regions[foreign] = mmap.mmap(-1, 1)

    async def use(shared: SharedMemory) -> None:
        await shared.infer(request())

    run(server, use)
    assert set(server.regions) == {foreign}


def test_a_restarted_server_gets_the_region_again(server: MemoryServer) -> None:
    async def use(shared: SharedMemory) -> None:
        await shared.infer(request())
        server.regions.clear()
        await shared.infer(request())
        assert len(server.regions) == 1

    run(server, use)
    assert len(server.read) == 2


@pytest.mark.parametrize("refusal", [ServerFault, InvalidInput])
def test_a_server_that_refuses_the_memory_says_what_is_needed(server: MemoryServer, refusal: type[CronnxError]) -> None:
    server.refusal = refusal("no", server_message="Unable to open shared memory region")

    async def use(shared: SharedMemory) -> None:
        with pytest.raises(InvalidInput, match="needs a server on this host") as caught:
            await shared.infer(request())
        assert caught.value.server_message == "Unable to open shared memory region"

    run(server, use)
    assert server.unregistered == [], "a server that has none refuses this too, until the client gives up"


def test_a_server_with_shared_memory_off_is_named_with_the_flag_that_turns_it_on(server: MemoryServer) -> None:
    message = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable."
    server.refusal = ServerFault(message, server_message=message)

    async def use(shared: SharedMemory) -> None:
        with pytest.raises(InvalidInput, match=r"Triton 26\.04 on with --allow-client-shm=true"):
            await shared.infer(request())

    run(server, use)


@pytest.mark.parametrize("refusal", [ConnectionFailed("gone"), DeadlineExceeded("late"), NotReady("starting")])
def test_an_unreachable_server_has_not_refused_shared_memory(server: MemoryServer, refusal: CronnxError) -> None:
    server.refusal = refusal

    async def use(shared: SharedMemory) -> None:
        with pytest.raises(type(refusal)):
            await shared.infer(request())

    run(server, use)


@pytest.mark.parametrize("more", [1, 1 << 20])
def test_too_large_a_region_is_refused(more: int) -> None:
    there_is = os.statvfs("/dev/shm")  # noqa: S108 - where Linux keeps shared memory
    with pytest.raises(InvalidInput, match="is /dev/shm full"):
        Owner().new_region(there_is.f_blocks * there_is.f_frsize * more + 1)


def test_other_requests_go_through(server: MemoryServer) -> None:
    async def use(shared: SharedMemory) -> None:
        await shared.send(ServerRequest(lambda api: api.load_model("m"), 1.0, "m"))

    run(server, use)
    assert server.asked("load_model") == ["m"]
