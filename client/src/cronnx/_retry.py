"""When a request that failed is sent again."""

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
    """How often, and after what pause, a request that failed is sent again.

    Only what is safe is sent again: a request that found no connection, a broken connection, a server or model that
    is not ready, or a full queue. Commands, such as `load`, are sent again only where nobody listened. The pause
    before the n-th repetition is a random part of `first_backoff_s` x 2^(n-1), at most of `longest_backoff_s`.

    A call's `timeout_s` holds for all its attempts and pauses together. Where it leaves no time for another pause,
    the call ends with the error of the last attempt; where it ends during an attempt, with `DeadlineExceeded`.

    Attributes:
        attempts: How often a request is sent at most; 1 for never again.
        first_backoff_s: Seconds of the longest first pause.
        longest_backoff_s: Seconds of the longest pause of all.
    """

    attempts: int = 4
    first_backoff_s: float = 0.1
    longest_backoff_s: float = 2.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first_backoff_s < 0 or self.longest_backoff_s < self.first_backoff_s:
            raise InvalidInput(f"{self}: expected attempts >= 1 and 0 <= first_backoff_s <= longest_backoff_s")


class Attempts:
    """Sends requests again as a `Retry` says."""

    def __init__(
        self,
        retry: Retry,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        """Make one; what it takes from the world can be replaced: seconds, pauses, and random parts of 1."""
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
        """Send until there is an answer, or an error that is final.

        Args:
            send: Sends the request once; gets the seconds left.
            timeout_s: Seconds for all attempts and pauses.
            may_repeat: Tells whether the request is safe to send again after this error.
        """
        deadline = self._clock() + timeout_s
        left_s = timeout_s
        attempt = 1
        while True:
            try:
                return await send(left_s)
            except CronnxError as error:
                pause_s = self._pause_s(attempt)
                left_s = deadline - self._clock() - pause_s
                if attempt == self._retry.attempts or left_s <= 0 or not may_repeat(error):
                    raise
                _LOG.info(
                    "attempt %d failed, the next is in %.3f s: %s",
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
    """Tell whether a question or an inference, which change nothing, may be sent again."""
    return isinstance(error, ConnectionFailed | NotReady | Overloaded)


def never_arrived(error: CronnxError) -> bool:
    """Tell whether a command may be sent again: nobody can have got it."""
    return isinstance(error, ConnectionFailed) and not error.request_sent
