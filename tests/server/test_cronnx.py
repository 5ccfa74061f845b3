"""The client against a real server, where a fake would prove nothing."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import tracemalloc
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from weakref import WeakSet

import numpy as np
import pytest

from cronnx import AsyncClient, Client, CronnxError, InvalidInput, ModelNotFound, Outcome, Retry
from tests.server import echo
from tests.server.polling import until
from tests.server.triton import Triton, started

REQUESTS = 2_000
IMAGE_BYTES = 20_000
PROTOCOLS = ("grpc", "http")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    echo.write(folder)
    return folder


@pytest.fixture(scope="module")
def triton(repository: Path) -> Iterator[Triton]:
    with started([repository], "--model-control-mode=explicit", f"--load-model={echo.MODEL_NAME}") as triton:
        yield triton


@pytest.fixture(params=PROTOCOLS)
def url(request: pytest.FixtureRequest, triton: Triton) -> str:
    return str(getattr(triton.addresses, request.param))


def inputs(count: int) -> Iterator[bytes]:
    return (f"picture {number}".encode() for number in range(count))


def is_answered_with_its_own(outcome: Outcome) -> bool:
    return outcome.answer is not None and outcome.answer.label.encode() == outcome.image


@pytest.mark.parametrize(("protocol", "ordered"), [("grpc", True), ("http", False)])
def test_a_server_killed_and_started_again_costs_no_input_its_outcome(
    triton: Triton, protocol: str, ordered: bool
) -> None:
    with Client(getattr(triton.addresses, protocol), retry=Retry(attempts=8)) as client:
        outcomes = client.classify_many(inputs(REQUESTS), model_name=echo.MODEL_NAME, ordered=ordered)
        before = list(islice(outcomes, REQUESTS // 2))
        triton.kill()
        triton.start()
        after = list(outcomes)
    triton.wait_until_ready()
    assert all(is_answered_with_its_own(outcome) for outcome in before)
    assert Counter(outcome.index for outcome in (*before, *after)) == Counter(range(REQUESTS))
    for outcome in after:
        assert is_answered_with_its_own(outcome) != isinstance(outcome.error, CronnxError)
    assert is_answered_with_its_own(after[-1])
    if ordered:
        assert [outcome.index for outcome in (*before, *after)] == list(range(REQUESTS))


def test_nothing_is_kept_of_the_inputs_of_a_long_generator(url: str) -> None:
    alive: WeakSet[io.BytesIO] = WeakSet()
    most_alive, most_bytes = 0, 0
    with Client(url) as client, tracing():
        for number, _ in enumerate(client.classify_many(pictures(alive), model_name=echo.MODEL_NAME)):
            most_alive = max(most_alive, len(alive))
            if number % (REQUESTS // 10) == 0:
                gc.collect()  # aiohttp's requests are in reference cycles
                most_bytes = max(most_bytes, tracemalloc.get_traced_memory()[0])
    assert most_alive < REQUESTS / 4
    assert most_bytes < REQUESTS * IMAGE_BYTES / 2


def test_nothing_is_kept_of_requests_that_were_answered(url: str) -> None:
    with Client(url) as client, tracing():
        first, _, last = [bytes_after_a_generator(client) for _ in range(3)]
    assert last - first < 50 * REQUESTS, "the smallest object takes more, and two generators came in between"


@contextlib.contextmanager
def tracing() -> Iterator[None]:
    """Count what Python allocates: unlike the process's memory it does not depend on how the allocator reuses it."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def pictures(alive: WeakSet[io.BytesIO]) -> Iterator[io.BytesIO]:
    for number in range(REQUESTS):
        picture = io.BytesIO(number.to_bytes(4, "big") * (IMAGE_BYTES // 4))
        alive.add(picture)
        yield picture


def bytes_after_a_generator(client: Client) -> int:
    """Python's memory once no request is running."""
    deque(client.classify_many(inputs(REQUESTS), model_name=echo.MODEL_NAME), maxlen=0)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def test_infer_takes_and_gives_arrays_by_name(url: str) -> None:
    with Client(url) as client:
        answer = client.infer(echo.MODEL_NAME, {"image": np.array([[b"one"], [b"two"]], dtype=object)})
        assert answer["label"].tolist() == [[b"one"] * 5, [b"two"] * 5]
        assert answer["class_id"].dtype == np.int64
        only = client.infer(echo.MODEL_NAME, {"image": np.array([[b"one"]], dtype=object)}, outputs=["score"])
        assert list(only) == ["score"]
        with pytest.raises(InvalidInput):
            client.infer(echo.MODEL_NAME, {"picture": np.array([[b"one"]], dtype=object)})
        with pytest.raises(ModelNotFound):
            client.infer("nonesuch", {"image": np.array([[b"one"]], dtype=object)})


def test_models_are_described_unloaded_and_loaded(url: str) -> None:
    with Client(url) as client:
        assert [(model.name, model.state) for model in client.models()] == [("echo", "READY")]
        assert client.model("echo").max_batch_size == 64
        client.unload("echo")
        assert not client.is_ready("echo")
        client.load("echo")
        assert client.is_ready("echo")
        with pytest.raises(CronnxError, match="nonesuch"):
            client.load("nonesuch")


def test_statistics_count_what_was_asked(url: str) -> None:
    with Client(url) as client:
        client.unload("echo")
        client.load("echo")
        for outcome in client.classify_many(inputs(100), model_name="echo"):
            assert is_answered_with_its_own(outcome)
        until(  # Triton counts after it has answered
            lambda: [each.inference_count for each in client.statistics("echo")] == [100], what="100 are counted"
        )


def test_a_cancelled_call_leaves_the_client_usable(url: str) -> None:
    async def cancel_and_ask() -> str:
        async with AsyncClient(url) as client:
            call = asyncio.create_task(client.classify(b"slow", model_name="echo"))
            await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            return (await client.classify(b"next", model_name="echo")).label

    assert asyncio.run(cancel_and_ask()) == "next"


def test_tensors_travel_through_shared_memory(url: str) -> None:
    with Client(url, shared_memory=True) as client:
        outcomes = list(client.classify_many(inputs(200), model_name="echo"))
    assert [is_answered_with_its_own(outcome) for outcome in outcomes] == [True] * 200


def test_a_second_server_takes_over_without_a_failed_request(repository: Path, triton: Triton) -> None:
    with started([repository]) as first, Client([first.addresses.grpc, triton.addresses.grpc]) as client:
        outcomes = client.classify_many(inputs(REQUESTS), model_name="echo")
        before = list(islice(outcomes, REQUESTS // 2))
        first.kill()
        after = list(outcomes)
    assert [is_answered_with_its_own(outcome) for outcome in (*before, *after)] == [True] * REQUESTS
