"""Requests that wait to be preprocessed, and the thread that works them off.

Triton's own `default_queue_policy` bounds a queue too, but leaves an instance idle for up to half a second between two
batches wherever nothing is put into its queue meanwhile, as nothing can be once it is full: docs/overload.md. So
requests of which there are more than are worked off leave Triton's queue at once, and wait in this one.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cronnx_preprocess.errors import CancelledError, OverloadError
from cronnx_preprocess.preprocessor import Outcome, Payloads

FULL = "Exceeds maximum queue size"
EXPIRED = "Request timeout expired"
"""As Triton's queues refuse, so that a caller need not know which queue it was."""

Work = Callable[[Sequence[Payloads]], Sequence[Outcome]]
"""What is done with a batch: an outcome for each request, in order."""


@dataclass(frozen=True)
class Entry:
    """A request that waits.

    Attributes:
        payloads: its images, [batch, 1] or [1].
        answer: takes what came of it, once.
        is_cancelled: tells whether its caller has given up; it costs a message to the server and back.
        put_at: when it came, of `time.monotonic`.
    """

    payloads: Payloads
    answer: Callable[[Outcome], None]
    is_cancelled: Callable[[], bool]
    put_at: float = field(default_factory=time.monotonic)


class Tell(Protocol):
    """Who is told of a batch that is done."""

    def __call__(self, *, queue_s: float, compute_s: float) -> None:
        """Take the time that its requests waited, and that they were at work, each together."""


class Queue:
    """A bounded queue, filled by one thread and worked off in batches by another."""

    def __init__(self, work: Work, tell: Tell, *, max_size: int, timeout_s: float, max_batch_size: int) -> None:
        """Start the thread.

        Args:
            work: done with each batch.
            tell: told of each batch.
            max_size: images that may wait.
            timeout_s: for how long a request may wait.
            max_batch_size: images after which a batch is not made larger.
        """
        self._work, self._tell = work, tell
        self._max_size, self._timeout_s, self._max_batch_size = max_size, timeout_s, max_batch_size
        self._entries: deque[Entry] = deque()
        # Each is counted by one thread, so that neither needs a lock.
        self._put = self._taken = self._done = 0
        self._filled, self._is_closed = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="preprocess")
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether the next request is to be refused."""
        return self._put - self._taken >= self._max_size

    @property
    def is_behind(self) -> bool:
        """Whether something that was put is not answered yet."""
        return self._done != self._put

    def put(self, entry: Entry) -> None:
        """Have a request wait; `go_on` when all that came together have been put."""
        self._put += entry.payloads.size
        self._entries.append(entry)

    def go_on(self) -> None:
        """Let what was put be worked off."""
        self._filled.set()

    def close(self) -> None:
        """Work off what waits, and end the thread."""
        self._is_closed = True
        self._filled.set()
        self._thread.join()

    def _run(self) -> None:
        while self._entries or not self._is_closed:
            self._filled.wait()
            self._filled.clear()
            while self._entries:
                if batch := self._take():
                    self._answer(batch)
                self._done = self._taken

    def _take(self) -> list[Entry]:
        batch: list[Entry] = []
        images = 0
        while self._entries and images < self._max_batch_size:
            entry = self._entries.popleft()
            self._taken += entry.payloads.size
            if refusal := self._refusal(entry):
                _do(entry.answer, refusal)
            else:
                batch.append(entry)
                images += entry.payloads.size
        return batch

    def _refusal(self, entry: Entry) -> Exception | None:
        if time.monotonic() - entry.put_at > self._timeout_s:
            return OverloadError(EXPIRED)
        try:
            return CancelledError("cancelled before it was preprocessed") if entry.is_cancelled() else None
        except Exception as error:  # noqa: BLE001 - who comes next is to be answered
            return error

    def _answer(self, batch: Sequence[Entry]) -> None:
        began_at = time.monotonic()
        outcomes = self._outcomes(batch)
        compute_s = time.monotonic() - began_at
        for entry, outcome in zip(batch, outcomes, strict=True):
            _do(entry.answer, outcome)
        queue_s = sum(began_at - entry.put_at for entry in batch)
        _do(self._tell, queue_s=queue_s, compute_s=compute_s * len(batch))

    def _outcomes(self, batch: Sequence[Entry]) -> Sequence[Outcome]:
        try:
            return self._work([entry.payloads for entry in batch])
        except Exception as error:  # noqa: BLE001 - what fails a batch must not fail all that come after it
            return [error] * len(batch)


def _do(call: Callable[..., None], *arguments: object, **named: object) -> None:
    """Call what is not ours; the thread goes on."""
    try:
        call(*arguments, **named)
    except Exception:  # noqa: BLE001 - who comes next is to be answered
        traceback.print_exc()
