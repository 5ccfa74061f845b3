"""`classify_many` of both clients, over transports without a server."""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import subprocess
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cronnx import (
    AsyncClient,
    Classification,
    Client,
    ConnectionFailed,
    CronnxError,
    InvalidInput,
    Outcome,
    Overloaded,
    Retry,
)
from tests.unit.cronnx.answers import classify
from tests.unit.cronnx.fake_transport import FakeTransport
from tests.unit.cronnx.faulty_transport import FAULTS, FaultyTransport
from tests.unit.cronnx.interrupt import interrupt_the_main_thread_when_it_waits

AT_ONCE = Retry(first_backoff_s=0.0, longest_backoff_s=0.0)
MANY = 10_000


@pytest.fixture
def client(transport: FakeTransport) -> Iterator[Client]:
    with Client(transport=transport) as client:
        yield client


def images(count: int) -> Iterator[bytes]:
    for position in range(count):
        yield str(position).encode()


def check(outcomes: list[Outcome[bytes, Classification]], transport: FaultyTransport) -> None:
    """Check that every input has exactly one outcome: its answer or a typed error."""
    assert sorted(outcome.index for outcome in outcomes) == list(range(MANY))
    for outcome in outcomes:
        assert outcome.image == str(outcome.index).encode()
        assert (outcome.answer is None) != (outcome.error is None)
        if outcome.answer:
            assert outcome.answer.label.encode() == outcome.image
        else:
            assert type(outcome.error) in FAULTS
    answered = Counter(outcome.image for outcome in outcomes if outcome.answer)
    assert answered == transport.answered
    assert max(transport.failures.values(), default=0) <= 4


@pytest.mark.parametrize("ordered", [True, False])
def test_ten_thousand_inputs_of_a_faulty_server_have_one_outcome_each(ordered: bool) -> None:
    transport = FaultyTransport(seed=7, fault_rate=0.6)  # high enough for each fault to end some inputs
    with Client(transport=transport, retry=AT_ONCE) as client:
        outcomes = list(client.classify_many(images(MANY), ordered=ordered))
    check(outcomes, transport)
    assert {type(outcome.error) for outcome in outcomes if outcome.error} == set(FAULTS) - {Overloaded}
    if ordered:
        assert [outcome.index for outcome in outcomes] == list(range(MANY))


def test_a_server_killed_and_started_again_half_way_costs_no_outcome() -> None:
    transport = FaultyTransport(seed=3, fault_rate=0.0)
    outcomes = []
    with Client(transport=transport, retry=AT_ONCE) as client:
        for outcome in client.classify_many(images(MANY)):
            outcomes.append(outcome)
            transport.is_down = MANY // 2 <= len(outcomes) < MANY * 3 // 4
    check(outcomes, transport)
    failed = [outcome.index for outcome in outcomes if outcome.error]
    assert len(failed) > MANY // 5
    assert not outcomes[-1].error


def test_an_asynchronous_client_does_the_same() -> None:
    async def asynchronous() -> AsyncIterator[bytes]:
        for image in images(MANY):
            yield image

    async def run() -> list[Outcome[bytes, Classification]]:
        async with AsyncClient(transport=transport, retry=AT_ONCE) as client:
            return [outcome async for outcome in client.classify_many(asynchronous(), concurrency=64)]

    transport = FaultyTransport(seed=11, fault_rate=0.3)
    check(asyncio.run(run()), transport)


def test_threads_can_classify_at_the_same_time(client: Client) -> None:
    def run(name: int) -> list[str]:
        inputs = [f"{name} {position}".encode() for position in range(300)]
        outcomes = list(client.classify_many(iter(inputs), concurrency=name + 1))
        assert [outcome.image for outcome in outcomes] == inputs
        return [outcome.answer.label for outcome in outcomes if outcome.answer]

    with ThreadPoolExecutor(8) as callers:
        for name, labels in enumerate(callers.map(run, range(8))):
            assert labels == [f"{name} {position}" for position in range(300)]


def test_there_is_no_thread_for_each_request(client: Client, transport: FakeTransport) -> None:
    seen: set[str] = set()

    def answer(images: Any) -> Any:
        seen.update(thread.name for thread in threading.enumerate())
        return classify(images)

    transport.answer = answer
    before = {thread.name for thread in threading.enumerate()}
    assert len(list(client.classify_many([b"cat"] * 500, concurrency=100))) == 500
    assert seen - before == {"cronnx-input"}


def test_paths_bytes_and_pictures_may_be_mixed(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"cat")
    picture = Image.new("RGB", (1, 1))
    given = [path, str(path), b"cat", picture, "missing.jpg", None]
    outcomes = list(client.classify_many(given))  # type: ignore[type-var]  # None is what is tested
    assert [outcome.image for outcome in outcomes] == given
    assert all(before is after.image for before, after in zip(given, outcomes, strict=True))
    labels = [outcome.answer and outcome.answer.label for outcome in outcomes]
    assert labels[:3] == ["cat"] * 3
    assert labels[3]
    assert [type(outcome.error) for outcome in outcomes[4:]] == [InvalidInput, InvalidInput]


def test_every_request_is_of_the_model_and_deadline_asked_for(client: Client, transport: FakeTransport) -> None:
    options: dict[str, Any] = {"model_name": "mobilenet", "model_version": "3", "top_k": 2, "timeout_s": 5.0}
    (outcome,) = client.classify_many([b"cat"], **options)
    (request,) = transport.requests
    assert (request.model_name, request.model_version) == ("mobilenet", "3")
    assert request.timeout_s == 5.0
    assert outcome.answer
    assert len(outcome.answer.top) == 2


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        ([], {"concurrency": 0}, "concurrency: expected 1 or more .*, got 0"),
        ([], {"top_k": 6}, "top_k: .*got 6"),
        ([], {"timeout_s": 0}, "timeout_s: .*got 0"),
        ([], {"model_version": "x"}, "model_version: .*got 'x'"),
        (b"cat", {}, "images: .*got bytes"),
        (Path("cat.jpg"), {}, "images: .*got PosixPath"),
        (None, {}, "images: .*got NoneType"),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused_at_the_call(
    client: Client, images: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        client.classify_many(images, **options)


def test_an_error_of_the_input_is_raised(client: Client) -> None:
    def failing() -> Iterator[bytes]:
        yield from images(5)
        raise LookupError("no more")

    outcomes = client.classify_many(failing())
    assert [next(outcomes).index for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(LookupError, match="no more"):
        next(outcomes)


def test_an_input_may_use_the_client_itself(client: Client) -> None:
    relabelled = (client.classify(image).label.encode() for image in images(20))
    assert [outcome.index for outcome in client.classify_many(relabelled)] == list(range(20))


def test_an_input_that_waits_for_outcomes_gets_them(client: Client) -> None:
    turn = threading.Semaphore(1)

    def one_at_a_time() -> Iterator[bytes]:
        for image in images(20):
            turn.acquire()
            yield image

    for _ in client.classify_many(one_at_a_time()):
        turn.release()


class Forgetful(FakeTransport):
    async def infer(self, _request: Any) -> Any:
        return classify([b"cat"])


def test_memory_does_not_grow_with_the_number_of_inputs() -> None:
    big = (os.urandom(100_000) for _ in range(3_000))  # 300 MB
    with Client(transport=Forgetful()) as client:
        tracemalloc.start()
        try:
            assert all(outcome.answer for outcome in client.classify_many(big))
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()


class Silent(FakeTransport):
    """Answers the first requests only, and counts the waiting and the abandoned ones."""

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


def test_progress_is_shown_on_standard_error(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    outcomes = list(client.classify_many([b"cat"] * 9 + [b"broken"], progress=True))
    shown = capfd.readouterr()
    assert len(outcomes) == 10
    assert shown.out == ""
    assert "10/10" in shown.err
    assert "1 errors" in shown.err


def test_an_input_of_unknown_length_shows_progress_too(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(list(client.classify_many(iter([b"cat"] * 10), progress=True))) == 10
    assert "10/?" in capfd.readouterr().err


def test_without_progress_nothing_is_printed(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(list(client.classify_many([b"cat"] * 10))) == 10
    assert capfd.readouterr() == ("", "")


def test_closing_the_outcomes_ends_the_progress_bar(
    client: Client, transport: FakeTransport, capfd: pytest.CaptureFixture[str]
) -> None:
    transport.failure = ConnectionFailed("gone")
    outcomes = client.classify_many([b"cat"] * 10, progress=True)
    next(outcomes)
    outcomes.close()
    client.close()
    assert capfd.readouterr().err.count("errors") >= 1


def test_rich_is_imported_only_for_a_progress_bar() -> None:
    program = "import sys, cronnx; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_text_names_an_image_a_folder_or_a_pattern(client: Client, tmp_path: Path) -> None:
    for name in ("a.jpg", "b/c.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"cat")
    a, c = f"{tmp_path}/a.jpg", f"{tmp_path}/b/c.jpg"
    for text, expected in ((a, [a]), (str(tmp_path), [a, c]), (f"{tmp_path}/**/*.jpg", [a, c])):
        outcomes = list(client.classify_many(text))
        assert [outcome.image for outcome in outcomes] == expected
        assert all(outcome.answer for outcome in outcomes)


def test_a_folder_without_images_is_refused(client: Client, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no image in this folder"):
        list(client.classify_many(str(tmp_path)))


def test_arrays_and_open_files_are_images(client: Client) -> None:
    arrays = np.zeros((2, 4, 3, 3), np.uint8)
    outcomes = [*client.classify_many(arrays), *client.classify_many([io.BytesIO(b"cat"), arrays[0]])]
    assert len(outcomes) == 4
    assert all(outcome.answer for outcome in outcomes)
    assert client.classify(arrays[0]).label
    assert client.classify(io.BytesIO(b"cat")).label == "cat"


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (np.zeros((4, 3, 3), np.uint8), "got one array of 3 dimensions; give a list of arrays"),
        (io.BytesIO(b"cat"), "a folder or a pattern as text; got BytesIO"),
        (Path("photos"), "a folder or a pattern as text; got PosixPath"),
    ],
)
def test_one_image_where_many_are_expected_is_refused(client: Client, images: Any, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        list(client.classify_many(images))
