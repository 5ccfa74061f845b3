"""What happens to a request, by the backlog that it meets and the size of its batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from cronnx_preprocess.errors import QUEUE_FULL, REQUEST_TIMEOUT, CancelledError, OverloadError
from cronnx_preprocess.preprocessor import Answer, Payloads, Pictures
from cronnx_preprocess.scheduler import Scheduler

TIMEOUT_S = 60.0


@dataclass
class FakeRequest:
    """A request, and the answer that its responder sent."""

    count: int = 1
    is_cancelled_by_caller: bool = False
    unreadable: bool = False
    unanswerable: bool = False
    is_large: bool = False
    is_read: bool = False
    sent: list[Answer] = field(default_factory=list)

    def payloads(self) -> Payloads:
        if self.unreadable:
            raise MemoryError("no room")
        self.is_read = True
        return np.full((self.count, 1), self.is_large, np.object_)

    def responder(self) -> FakeRequest:
        return self

    def send(self, answer: Answer, /) -> None:
        if self.unanswerable:
            raise OSError("no shared memory")
        self.sent.append(answer)

    def is_cancelled(self) -> bool:
        return self.is_cancelled_by_caller


class FakePictures(Pictures):
    """Pictures that are large if their payloads say so."""

    @property
    def is_large(self) -> bool:
        return any(self.pictures)


def read(payloads: Payloads) -> Pictures:
    return FakePictures(payloads.shape[:-1], list(payloads.flat))


class Server:
    """A scheduler over work that can be held up, a clock that can be set, and what was measured."""

    def __init__(self) -> None:
        self.may_work, self.is_working = threading.Event(), threading.Event()
        self.may_work.set()
        self.batches: list[list[int]] = []
        self.threads: list[threading.Thread] = []
        self.durations: list[tuple[float, float]] = []
        self.now_s = 0.0
        self.fails = self.holds_large_only = False

    def render(self, requests: Sequence[Pictures]) -> Sequence[Answer]:
        self.is_working.set()
        if any(each.is_large for each in requests) or not self.holds_large_only:
            self.may_work.wait()
        if self.fails:
            raise MemoryError("no room")
        self.batches.append([each.size for each in requests])
        self.threads.append(threading.current_thread())
        return [np.full(1, each.size) for each in requests]

    def add(self, *, queue_s: float, compute_s: float) -> None:
        self.durations.append((queue_s, compute_s))

    @contextmanager
    def scheduling(self) -> Iterator[Scheduler]:
        """A scheduler of batches of 4 images; up to 6 may wait."""
        scheduler = Scheduler(
            read, self.render, self, max_queue_size=6, timeout_s=TIMEOUT_S, max_batch_size=4, clock_s=lambda: self.now_s
        )
        try:
            yield scheduler
        finally:
            self.may_work.set()
            scheduler.close()

    @contextmanager
    def behind(self) -> Iterator[Scheduler]:
        """A scheduler whose thread is held up by a batch of 4 images; it goes on at the end."""
        self.may_work.clear()
        with self.scheduling() as scheduler:
            assert scheduler.answer([FakeRequest(4)]) == [None]
            assert self.is_working.wait(60)
            yield scheduler


@pytest.fixture
def server() -> Server:
    return Server()


def sizes(answers: Sequence[Answer | None]) -> list[int]:
    """The number of images of each request, by its answer."""
    assert all(isinstance(answer, np.ndarray) for answer in answers), answers
    return [int(answer[0]) for answer in answers if isinstance(answer, np.ndarray)]


def test_without_a_backlog_a_batch_of_half_the_largest_is_answered_at_once(server: Server) -> None:
    requests = [FakeRequest(), FakeRequest()]
    with server.scheduling() as scheduler:
        assert sizes(scheduler.answer(requests)) == [1, 1]
    assert server.threads == [threading.current_thread()]
    assert [each.sent for each in requests] == [[], []]
    assert server.durations == []


def test_without_a_backlog_a_larger_batch_is_queued_however_large_it_is(server: Server) -> None:
    requests = [FakeRequest(count) for count in (1, 2, 9)]
    with server.scheduling() as scheduler:
        assert scheduler.answer(requests) == [None] * 3
    assert [sizes(each.sent) for each in requests] == [[1], [2], [9]]
    assert threading.current_thread() not in server.threads


def test_with_a_backlog_even_one_image_is_queued(server: Server) -> None:
    request = FakeRequest()
    with server.behind() as scheduler:
        assert scheduler.answer([request]) == [None]
        assert request.sent == []
    assert sizes(request.sent) == [1]


def test_a_full_queue_refuses_without_reading_the_payloads(server: Server) -> None:
    requests = [FakeRequest(5), FakeRequest(3), FakeRequest()]
    with server.behind() as scheduler:
        *queued, refusal = scheduler.answer(requests)
    assert queued == [None, None]
    assert isinstance(refusal, OverloadError)
    assert str(refusal) == QUEUE_FULL
    assert [each.is_read for each in requests] == [True, True, False]
    assert [sizes(each.sent) for each in requests] == [[5], [3], []]


def test_images_at_work_do_not_fill_the_queue(server: Server) -> None:
    with server.behind() as scheduler:
        assert scheduler.answer([FakeRequest(3)]) == [None]
        assert scheduler.answer([FakeRequest(3)]) == [None]
        (refusal,) = scheduler.answer([FakeRequest()])
        assert isinstance(refusal, OverloadError)


def test_a_large_picture_is_queued_apart_and_holds_up_nobody(server: Server) -> None:
    large, next_large = FakeRequest(is_large=True), FakeRequest(is_large=True)
    server.holds_large_only = True
    server.may_work.clear()
    with server.scheduling() as scheduler:
        assert scheduler.answer([large]) == [None]
        assert server.is_working.wait(60)
        assert scheduler.answer([next_large]) == [None]
        assert sizes(scheduler.answer([FakeRequest(), FakeRequest()])) == [1, 1]
        assert large.sent == next_large.sent == []
    assert sizes(large.sent) == sizes(next_large.sent) == [1]


def test_the_queue_for_large_pictures_holds_an_eighth(server: Server) -> None:
    server.may_work.clear()
    with server.scheduling() as scheduler:
        assert scheduler.answer([FakeRequest(is_large=True)]) == [None]
        assert server.is_working.wait(60)
        waits, refused = scheduler.answer([FakeRequest(is_large=True), FakeRequest(is_large=True)])
    assert waits is None
    assert str(refused) == QUEUE_FULL


def test_without_a_backlog_again_requests_are_answered_at_once(server: Server) -> None:
    with server.scheduling() as scheduler:
        answered = threading.Event()
        server.add = lambda **_: answered.set()
        scheduler.answer([FakeRequest(4)])
        assert answered.wait(60)
        while (answers := scheduler.answer([FakeRequest()])) == [None]:
            pass
    assert sizes(answers) == [1]


def test_the_queue_is_answered_in_order_in_batches(server: Server) -> None:
    with server.behind() as scheduler:
        scheduler.answer([FakeRequest(count) for count in (1, 2, 2)])
        scheduler.answer([FakeRequest()])
    assert server.batches == [[4], [1, 2, 2], [1]]


def test_a_request_queued_for_too_long_is_refused_and_not_preprocessed(server: Server) -> None:
    late, punctual = FakeRequest(), FakeRequest(2)
    with server.behind() as scheduler:
        scheduler.answer([late])
        server.now_s = TIMEOUT_S
        scheduler.answer([punctual])
        server.now_s += 1
    (refusal,) = late.sent
    assert isinstance(refusal, OverloadError)
    assert str(refusal) == REQUEST_TIMEOUT
    assert sizes(punctual.sent) == [2]
    assert server.batches == [[4], [2]]


def test_a_request_that_its_caller_cancelled_is_not_preprocessed(server: Server) -> None:
    cancelled, other = FakeRequest(is_cancelled_by_caller=True), FakeRequest(2)
    with server.behind() as scheduler:
        scheduler.answer([cancelled, other])
    assert isinstance(cancelled.sent[0], CancelledError)
    assert server.batches == [[4], [2]]


def test_a_batch_that_fails_fails_alone(server: Server) -> None:
    server.fails = True
    failed, other = FakeRequest(3), FakeRequest()
    with server.behind() as scheduler:
        scheduler.answer([failed])
    with server.behind() as scheduler:
        server.fails = False
        scheduler.answer([other])
    assert isinstance(failed.sent[0], MemoryError)
    assert sizes(other.sent) == [1]


def test_a_request_that_cannot_be_queued_is_answered_with_its_error(server: Server) -> None:
    unreadable, other = FakeRequest(unreadable=True), FakeRequest()
    with server.behind() as scheduler:
        error, queued = scheduler.answer([unreadable, other])
    assert isinstance(error, MemoryError)
    assert queued is None
    assert sizes(other.sent) == [1]


def test_an_answer_that_cannot_be_sent_does_not_hold_up_the_next(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    unanswerable, other = FakeRequest(unanswerable=True), FakeRequest()
    with server.behind() as scheduler:
        scheduler.answer([unanswerable, other])
    assert sizes(other.sent) == [1]
    assert "no shared memory" in capsys.readouterr().err


def test_the_time_of_queued_requests_is_counted_for_each_of_them(server: Server) -> None:
    def render(requests: Sequence[Pictures]) -> Sequence[Answer]:
        answers = work(requests)
        server.now_s += 5
        return answers

    work: Callable[[Sequence[Pictures]], Sequence[Answer]] = server.render
    server.render = render
    with server.behind() as scheduler:
        scheduler.answer([FakeRequest(), FakeRequest()])
        server.now_s = 2.0
    assert server.durations == [(0.0, 7.0), (2 * (7.0 - 0.0), 2 * 5.0)]
