"""Callers that send requests continuously while the server fails, and record each outcome."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cronnx import Client, CronnxError, Retry

CALLERS = 4
TIMEOUT_S = 10.0
DEFAULT_RETRY = Retry()
POLL_S = 0.05
PAUSE_S = 0.05  # after a failure, so that immediate refusals do not flood the server


@dataclass(frozen=True)
class Request:
    """One request: the times when it was sent and ended, in seconds of one clock, and its error if it failed."""

    sent_s: float
    ended_s: float
    error: str | None


@dataclass
class Callers:
    """The requests of several callers."""

    requests: list[Request] = field(default_factory=list)
    has_ended: bool = False

    def wait_for_requests(self, count: int = 10 * CALLERS) -> None:
        """Wait until `count` more requests have ended."""
        wanted = len(self.requests) + count
        while len(self.requests) < wanted:
            time.sleep(POLL_S)

    def errors(self, *, since_s: float = 0.0) -> list[str]:
        """The errors of the requests that ended later than `since_s`."""
        return [each.error for each in self.requests if each.error and each.ended_s > since_s]

    def send(self, client: Client, model_name: str, picture: bytes) -> None:
        """Send one request after another until `has_ended`."""
        while not self.has_ended:
            sent_s, error = time.monotonic(), None
            try:
                client.classify(picture, model_name=model_name)
            except CronnxError as failure:
                error = type(failure).__name__
            self.requests.append(Request(sent_s, time.monotonic(), error))
            if error:
                time.sleep(PAUSE_S)


@contextmanager
def calling(url: str, model_name: str, image: bytes, *, retry: Retry = DEFAULT_RETRY) -> Iterator[Callers]:
    """Callers that send requests while the context lasts; afterwards every request has ended."""
    callers = Callers()
    with Client(url, retry=retry, timeout_s=TIMEOUT_S) as client:
        threads = [threading.Thread(target=callers.send, args=(client, model_name, image)) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            yield callers
        finally:
            callers.has_ended = True
            for thread in threads:
                thread.join()
