"""Callers that go on asking, whatever happens to the server, and note what came of each request."""

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
PAUSE_S = 0.05  # after a failure: who is refused at once would do nothing but ask


@dataclass(frozen=True)
class Request:
    """One request: when it was sent and ended, in seconds of one clock, and the error that it ended in."""

    sent_s: float
    ended_s: float
    error: str | None


@dataclass
class Callers:
    """What some callers saw."""

    requests: list[Request] = field(default_factory=list)
    is_over: bool = False

    def go_on(self, count: int = 10 * CALLERS) -> None:
        """Wait until so many requests more have ended."""
        wanted = len(self.requests) + count
        while len(self.requests) < wanted:
            time.sleep(POLL_S)

    def errors(self, *, since_s: float = 0.0) -> list[str]:
        """Of the requests that ended later."""
        return [each.error for each in self.requests if each.error and each.ended_s > since_s]

    def ask(self, client: Client, model_name: str, picture: bytes) -> None:
        """Send one request after another until it is over."""
        while not self.is_over:
            sent_s, error = time.monotonic(), None
            try:
                client.classify(picture, model_name=model_name)
            except CronnxError as failure:
                error = type(failure).__name__
            self.requests.append(Request(sent_s, time.monotonic(), error))
            if error:
                time.sleep(PAUSE_S)


@contextmanager
def asking(url: str, model_name: str, image: bytes, *, retry: Retry = DEFAULT_RETRY) -> Iterator[Callers]:
    """Ask while this lasts; every request that was begun has ended after it."""
    callers = Callers()
    with Client(url, retry=retry, timeout_s=TIMEOUT_S) as client:
        threads = [threading.Thread(target=callers.ask, args=(client, model_name, image)) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            yield callers
        finally:
            callers.is_over = True
            for thread in threads:
                thread.join()
