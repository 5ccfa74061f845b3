"""Decides which requests are answered at once, which are queued and which are refused."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cronnx_preprocess.errors import QUEUE_FULL, REQUEST_TIMEOUT, CancelledError, OverloadError
from cronnx_preprocess.preprocessor import Answer, Payloads, Pictures


class Responder(Protocol):
    """Answers one request after `Scheduler.answer` has returned. It is used by the scheduler's thread."""

    def send(self, answer: Answer, /) -> None:
        """Send the answer; called once."""

    def is_cancelled(self) -> bool:
        """Whether the caller has cancelled the request; costs a message to the server and back."""


class Request(Protocol):
    """One request of the server."""

    def payloads(self) -> Payloads:
        """Read its images, [batch, 1] or [1]."""

    def responder(self) -> Responder:
        """Take over the duty to answer the request."""


class DurationCounters(Protocol):
    """Counts the time that queued requests take, which the server does not see."""

    def add(self, *, queue_s: float, compute_s: float) -> None:
        """Add the seconds that the requests of a batch were queued, and were preprocessed, summed over them."""


Render = Callable[[Sequence[Pictures]], Sequence[Answer]]


@dataclass(frozen=True)
class _QueuedRequest:
    pictures: Pictures
    responder: Responder
    queued_at_s: float


class _Queue:
    """Queued requests, and the thread that answers them."""

    def __init__(
        self,
        render: Render,
        durations: DurationCounters,
        *,
        max_queue_size: int,
        timeout_s: float,
        max_batch_size: int,
        clock_s: Callable[[], float],
    ) -> None:
        self._render, self._durations, self._clock_s = render, durations, clock_s
        self._max_queue_size, self._timeout_s, self._max_batch_size = max_queue_size, timeout_s, max_batch_size
        self._queue: deque[_QueuedRequest] = deque()
        # Counts of images since the start. Only one thread writes each, so they need no lock.
        self._queued = self._taken = self._answered = 0
        self._has_work, self._is_closed = threading.Event(), False
        self._thread = threading.Thread(target=self._answer_queued, name="preprocess")
        self._thread.start()

    @property
    def has_backlog(self) -> bool:
        """Whether a queued request is not answered yet."""
        return self._answered != self._queued

    @property
    def is_full(self) -> bool:
        """Whether as many images wait as may."""
        return self._queued - self._taken >= self._max_queue_size

    def put(self, request: Request, pictures: Pictures) -> Exception | None:
        """Queue a request, and return the error if that fails; `wake` starts the work on it."""
        try:
            queued = _QueuedRequest(pictures, request.responder(), self._clock_s())
        except Exception as error:  # noqa: BLE001 - raised, it would have the server answer queued requests twice
            return error
        self._queued += pictures.size
        self._queue.append(queued)
        return None

    def wake(self) -> None:
        """Work on what is queued."""
        self._has_work.set()

    def close(self) -> None:
        """Answer what is queued, and end the thread."""
        self._is_closed = True
        self._has_work.set()
        self._thread.join()

    def _answer_queued(self) -> None:
        while self._queue or not self._is_closed:
            self._has_work.wait()
            self._has_work.clear()
            while self._queue:
                if batch := self._next_batch():
                    self._answer_batch(batch)
                self._answered = self._taken

    def _next_batch(self) -> list[_QueuedRequest]:
        batch: list[_QueuedRequest] = []
        images = 0
        while self._queue and images < self._max_batch_size:
            request = self._queue.popleft()
            self._taken += request.pictures.size
            if refusal := self._late_refusal(request):
                _log_failure(request.responder.send, refusal)
            else:
                batch.append(request)
                images += request.pictures.size
        return batch

    def _late_refusal(self, request: _QueuedRequest) -> Exception | None:
        if self._clock_s() - request.queued_at_s > self._timeout_s:
            return OverloadError(REQUEST_TIMEOUT)
        try:
            return CancelledError("cancelled while it was queued") if request.responder.is_cancelled() else None
        except Exception as error:  # noqa: BLE001 - the thread must live on to answer the next requests
            return error

    def _answer_batch(self, batch: Sequence[_QueuedRequest]) -> None:
        started_s = self._clock_s()
        answers = self._render_safely(batch)
        compute_s = self._clock_s() - started_s
        for request, answer in zip(batch, answers, strict=True):
            _log_failure(request.responder.send, answer)
        queue_s = sum(started_s - request.queued_at_s for request in batch)
        _log_failure(self._durations.add, queue_s=queue_s, compute_s=compute_s * len(batch))

    def _render_safely(self, batch: Sequence[_QueuedRequest]) -> Sequence[Answer]:
        try:
            return self._render([request.pictures for request in batch])
        except Exception as error:  # noqa: BLE001 - the thread must live on to answer the next requests
            return [error] * len(batch)


class Scheduler:
    """Answers requests at once while preprocessing keeps up, and from a bounded queue while it does not.

    The server hands over requests in batches. The backlog is every queued request that is not answered yet. Then:

    - **No backlog, at most half of `max_batch_size` images in the batch: answered at once.** The caller's thread
      preprocesses them, and `answer` returns the answers.
    - **No backlog, a larger batch: queued.** All of its requests are, whatever `max_queue_size` is.
    - **A backlog, fewer than `max_queue_size` images waiting: queued.**
    - **A backlog, `max_queue_size` or more images waiting: refused.** `answer` returns an OverloadError with
      QUEUE_FULL. The payloads are not even read.

    A thread answers queued requests by their responders, first come, first served, in batches of about
    `max_batch_size` images. When the turn of a request comes, it is refused with REQUEST_TIMEOUT if it was queued for
    longer than `timeout_s`, and not preprocessed either if its caller has cancelled it.

    A request with a large picture goes to a queue of its own, with a thread of its own and an eighth of
    `max_queue_size`: pictures that take most of a second each hold up one another, but no other request.

    Why two ways to preprocess: answering at once is the fastest, but while `answer` is busy nobody refuses the
    requests that arrive, so it takes on small batches only. While the thread works, `answer` returns immediately and
    refuses within milliseconds. Why not the server's own bounded queue: docs/overload.md.
    """

    def __init__(
        self,
        read: Callable[[Payloads], Pictures],
        render: Render,
        durations: DurationCounters,
        *,
        max_queue_size: int,
        timeout_s: float,
        max_batch_size: int,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the threads.

        Args:
            read: Reads the headers of a request's images.
            render: Preprocesses a batch: an answer for each request, in order.
            durations: Counts the time of queued requests.
            max_queue_size: The number of waiting images from which requests are refused.
            timeout_s: The longest time that a request may be queued.
            max_batch_size: The number of images from which a batch takes no further request.
            clock_s: The time, in seconds.
        """
        self._read, self._render, self._max_batch_size = read, render, max_batch_size
        self._queue = _Queue(
            render,
            durations,
            max_queue_size=max_queue_size,
            timeout_s=timeout_s,
            max_batch_size=max_batch_size,
            clock_s=clock_s,
        )
        self._large = _Queue(
            render,
            durations,
            max_queue_size=max(1, max_queue_size // 8),
            timeout_s=timeout_s,
            max_batch_size=1,
            clock_s=clock_s,
        )

    def answer(self, requests: Sequence[Request]) -> Sequence[Answer | None]:
        """Answer, queue or refuse each request of a batch.

        Args:
            requests: A batch of the server. One call at a time.

        Returns:
            For each request its pixels or its error, or None if it is queued.
        """
        has_backlog = self._queue.has_backlog
        placed = [self._place(request, has_backlog=has_backlog) for request in requests]
        self._large.wake()
        left = {index: each for index, each in enumerate(placed) if isinstance(each, Pictures)}
        if 2 * sum(each.size for each in left.values()) <= self._max_batch_size:
            answers: Sequence[Answer | None] = self._render(list(left.values())) if left else []
        else:
            answers = [self._queue.put(requests[index], each) for index, each in left.items()]
        self._queue.wake()
        answered = dict(zip(left, answers, strict=True))
        return [answered.get(index) if isinstance(each, Pictures) else each for index, each in enumerate(placed)]

    def close(self) -> None:
        """Answer what is queued, and end the threads."""
        self._queue.close()
        self._large.close()

    def _place(self, request: Request, *, has_backlog: bool) -> Pictures | Exception | None:
        """Queue or refuse a request; return its pictures if it need not be queued."""
        if has_backlog and self._queue.is_full:
            return OverloadError(QUEUE_FULL)
        try:
            pictures = self._read(request.payloads())
        except Exception as error:  # noqa: BLE001 - raised, it would have the server answer queued requests twice
            return error
        if pictures.is_large:
            return OverloadError(QUEUE_FULL) if self._large.is_full else self._large.put(request, pictures)
        return self._queue.put(request, pictures) if has_backlog else pictures


def _log_failure(call: Callable[..., None], *arguments: object, **named: object) -> None:
    try:
        call(*arguments, **named)
    except Exception:  # noqa: BLE001 - the thread must live on to answer the next requests
        traceback.print_exc()
