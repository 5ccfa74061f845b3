"""When a failed request is sent again."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from cronnx._errors import ConnectionFailed, CronnxError, InvalidInput, NotReady, Overloaded

T = TypeVar("T")

_LOG = logging.getLogger("cronnx")


@dataclass(frozen=True)
class Retry:
    """How often, and after which pause, a failed request is sent again.

    A request is repeated only if that is safe: after a failed or broken connection, if the server or the model is not
    ready, or if the queue is full. Commands such as `load` are repeated only if no server received them. The pause
    before repetition n is random, between 0 and the smaller of `first_backoff_s` x 2^(n-1) and `longest_backoff_s`.

    A full queue has room again soon: such a request is repeated until its time ends, and is not counted in `attempts`.
    To learn at once that a server is overloaded, set `attempts` to 1.

    A call's `timeout_s` covers all attempts and pauses together. If the time left is too short for another pause, the
    call fails with the error of the last attempt. If the time ends during an attempt, it fails with
    `DeadlineExceeded`.

    Attributes:
        attempts: How often a request is sent at most, attempts that find the queue full not counted; 1 disables
            retries.
        first_backoff_s: The longest first pause, in seconds.
        longest_backoff_s: The longest pause, in seconds.
    """

    attempts: int = 4
    first_backoff_s: float = 0.1
    longest_backoff_s: float = 2.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first_backoff_s < 0 or self.longest_backoff_s < self.first_backoff_s:
            raise InvalidInput(f"expected attempts >= 1 and 0 <= first_backoff_s <= longest_backoff_s, got {self}")


class Retrier:
    """Sends requests, and repeats them as a `Retry` allows."""

    def __init__(
        self,
        retry: Retry,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        """Make a retrier.

        Args:
            retry: The limits.
            clock: Returns the time, in seconds.
            sleep: Pauses, for a number of seconds.
            random: Returns a number from 0 to 1.
        """
        self._retry = retry
        self._clock = clock
        self._sleep = sleep
        self._random = random

    async def run(
        self,
        send: Callable[[float], Awaitable[T]],
        *,
        timeout_s: float,
        may_repeat: Callable[[CronnxError], bool],
    ) -> T:
        """Send a request until it is answered or may not be repeated.

        Args:
            send: Sends the request once. Its argument is the time left, in seconds.
            timeout_s: The time for all attempts and pauses, in seconds.
            may_repeat: Returns whether the request is safe to repeat after this error.

        Raises:
            CronnxError: The error of the last attempt.
        """
        deadline = self._clock() + timeout_s
        left_s = timeout_s
        attempt, failures = 1, 0
        while True:
            try:
                return await send(left_s)
            except CronnxError as error:
                failures += not isinstance(error, Overloaded)
                pause_s = self._pause_s(attempt)
                left_s = deadline - self._clock() - pause_s
                is_last = self._retry.attempts in (1, failures)
                if is_last or left_s <= 0 or not may_repeat(error):
                    raise
                _LOG.info(
                    "attempt %d failed, retrying in %.3f s: %s",
                    attempt,
                    pause_s,
                    error,
                    extra={"model_name": error.model_name, "request_id": error.request_id},
                )
            await self._sleep(pause_s)
            attempt += 1

    def _pause_s(self, attempt: int) -> float:
        longest = self._retry.first_backoff_s * 2.0 ** min(attempt - 1, 60)
        return self._random() * min(longest, self._retry.longest_backoff_s)


def is_transient(error: CronnxError) -> bool:
    """Return whether a request that changes nothing may be repeated after this error."""
    return isinstance(error, ConnectionFailed | NotReady | Overloaded)


def never_arrived(error: CronnxError) -> bool:
    """Return whether a command may be repeated after this error, because no server can have received it."""
    return isinstance(error, ConnectionFailed) and not error.request_sent
