from __future__ import annotations

import asyncio
import gc
import os
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
from cronnx._transports.shared_memory import SharedMemory, new_block
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


def run(server: MemoryServer, use: Callable[[SharedMemory], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        shared = SharedMemory(server)
        await use(shared)
        await shared.close()
        assert server.close_count == 1

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
        assert names() >= set(server.regions)

    run(server, use)
    assert server.regions == {}


def test_an_unclosed_transport_leaves_no_memory(server: MemoryServer) -> None:
    asyncio.run(SharedMemory(server).infer(request()))
    gc.collect()
    assert not names() & set(server.regions)


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
        server.abort = failure
        with pytest.raises(type(failure)):
            await shared.infer(request())
        (first,) = server.regions
        assert first not in names()
        server.in_use.add(first)
        server.abort = None
        await shared.infer(request())
        assert len(server.regions) == 2
        server.in_use.clear()

    run(server, use)
    assert server.regions == {}


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
        new_block(there_is.f_blocks * there_is.f_frsize * more + 1)


def test_other_requests_go_through(server: MemoryServer) -> None:
    async def use(shared: SharedMemory) -> None:
        await shared.send(ServerRequest(lambda api: api.load_model("m"), 1.0, "m", is_command=True))

    run(server, use)
    assert server.asked("load_model") == ["m"]
