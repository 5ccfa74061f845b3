from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest

from cronnx_preprocess.errors import CancelledError, OverloadError
from cronnx_preprocess.preprocessor import Payloads
from cronnx_preprocess.queue import EXPIRED, FULL, Entry, Outcome, Queue


def payloads(count: int = 1) -> Payloads:
    return np.zeros((count, 1), np.object_)


class Bench:
    """Work that waits until it may go on, and what came of it."""

    def __init__(self) -> None:
        self.may_go_on, self.is_at_work = threading.Event(), threading.Event()
        self.may_go_on.set()
        self.batches: list[list[int]] = []
        self.answers: list[Outcome] = []
        self.told: list[tuple[float, float]] = []

    def work(self, requests: Sequence[Payloads]) -> Sequence[Outcome]:
        self.is_at_work.set()
        self.may_go_on.wait()
        self.batches.append([each.size for each in requests])
        return [np.full(1, each.size) for each in requests]

    def tell(self, *, queue_s: float, compute_s: float) -> None:
        self.told.append((queue_s, compute_s))

    def entry(self, count: int = 1, *, put_at: float | None = None) -> Entry:
        times = {} if put_at is None else {"put_at": put_at}
        return Entry(payloads(count), self.answers.append, self.is_cancelled, **times)

    def is_cancelled(self) -> bool:
        return False


@pytest.fixture
def bench() -> Bench:
    return Bench()


@contextmanager
def serving(
    bench: Bench,
    work: Callable[[Sequence[Payloads]], Sequence[Outcome]] | None = None,
    *,
    max_size: int = 4,
    timeout_s: float = 60.0,
) -> Iterator[Queue]:
    queue = Queue(work or bench.work, bench.tell, max_size=max_size, timeout_s=timeout_s, max_batch_size=3)
    try:
        yield queue
    finally:
        bench.may_go_on.set()
        queue.close()


def put(queue: Queue, *entries: Entry) -> None:
    for entry in entries:
        queue.put(entry)
    queue.go_on()


def test_what_waits_is_worked_off_in_batches_in_the_order_it_came(bench: Bench) -> None:
    with serving(bench) as queue:
        put(queue, *(bench.entry(count) for count in (1, 2, 4, 1)))
    assert bench.batches == [[1, 2], [4], [1]]
    assert [int(answer[0]) for answer in bench.answers if isinstance(answer, np.ndarray)] == [1, 2, 4, 1]


def test_it_is_full_by_images_that_wait_and_not_by_those_at_work(bench: Bench) -> None:
    bench.may_go_on.clear()
    with serving(bench) as queue:
        put(queue, bench.entry(4))
        assert bench.is_at_work.wait(60)
        assert not queue.is_full
        put(queue, bench.entry(3))
        assert not queue.is_full
        put(queue, bench.entry())
        assert queue.is_full
    assert not queue.is_full
    assert len(bench.answers) == 3


def test_what_has_waited_for_too_long_is_refused_and_costs_nothing(bench: Bench) -> None:
    with serving(bench) as queue:
        put(queue, bench.entry(put_at=0.0), bench.entry())
    assert bench.batches == [[1]]
    refusal, answer = bench.answers
    assert isinstance(refusal, OverloadError)
    assert str(refusal) == EXPIRED
    assert isinstance(answer, np.ndarray)


def test_what_its_caller_has_given_up_costs_nothing(bench: Bench) -> None:
    with serving(bench) as queue:
        put(queue, Entry(payloads(2), bench.answers.append, lambda: True), bench.entry())
    assert bench.batches == [[1]]
    assert isinstance(bench.answers[0], CancelledError)


def test_a_batch_that_fails_fails_alone(bench: Bench) -> None:
    def fail_once(requests: Sequence[Payloads]) -> Sequence[Outcome]:
        if not bench.answers:
            raise MemoryError("no room")
        return bench.work(requests)

    with serving(bench, fail_once) as queue:
        put(queue, *(bench.entry(2) for _ in range(3)))
    failed, same_batch, answer = bench.answers
    assert isinstance(failed, MemoryError)
    assert failed is same_batch
    assert isinstance(answer, np.ndarray)


def test_an_answer_that_cannot_be_given_holds_up_nobody(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_: Outcome) -> None:
        raise OSError("no shared memory")

    with serving(bench) as queue:
        put(queue, Entry(payloads(), refuse, bench.is_cancelled), bench.entry())
    assert len(bench.answers) == 1
    assert "no shared memory" in capsys.readouterr().err


def test_it_is_behind_while_something_is_not_answered(bench: Bench) -> None:
    bench.may_go_on.clear()
    with serving(bench) as queue:
        assert not queue.is_behind
        put(queue, bench.entry(), bench.entry(put_at=0.0))
        assert bench.is_at_work.wait(60)
        assert queue.is_behind
    assert not queue.is_behind


def test_it_tells_how_long_the_requests_of_a_batch_waited_and_took(bench: Bench) -> None:
    with serving(bench) as queue:
        put(queue, bench.entry(), bench.entry())
    ((queue_s, compute_s),) = bench.told
    assert queue_s > 0
    assert compute_s > 0


def test_the_refusals_are_those_that_callers_know_from_triton() -> None:
    # `cronnx` and the router tell overload by these words.
    assert (FULL, EXPIRED) == ("Exceeds maximum queue size", "Request timeout expired")
