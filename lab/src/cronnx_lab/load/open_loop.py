"""A load generator: so many requests a second, whether those before are answered or not.

A process of its own: `python -m cronnx_lab.load.open_loop` reads an `Order` from stdin and writes an `Outcome` to
stdout, both as JSON. Requests are due at random, as those of many independent callers are (a Poisson process). Each
goes out on a connection that is free, or on a new one: no request waits for another one's answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import httptools

from cronnx_lab.load.load_process import carry_out

BROKEN = 0
"""What stands for a status where the connection broke."""


@dataclass(frozen=True)
class Order:
    """What to ask.

    Attributes:
        address: (host, port) of the server.
        requests: files, each with a whole HTTP request, sent in turn.
        rate_per_s: requests a second, on average.
        seconds: for how long to send requests.
        patience_s: for how long after that to wait for answers.
    """

    address: tuple[str, int]
    requests: list[str]
    rate_per_s: float
    seconds: float
    patience_s: float


@dataclass(frozen=True)
class Outcome:
    """What became of the requests.

    Attributes:
        answers: of each that was answered, when it was sent and when it was answered, in seconds since the start, and
            the status: HTTP's, or `BROKEN`.
        unanswered: requests that had no answer when patience ended.
        late_s: by how much each request was sent later than it was due: what the generator, not the server, delays.
        cpu_s: CPU time of this process.
    """

    answers: list[tuple[float, float, int]] = field(default_factory=list)
    unanswered: int = 0
    late_s: list[float] = field(default_factory=list)
    cpu_s: float = 0.0


class Connection(asyncio.Protocol):
    """One connection, on which at most one request is under way."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._parser = httptools.HttpResponseParser(self)
        self._sent_at: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class

    def send(self, request: bytes) -> None:
        """Send a request; the last one is answered."""
        self._sent_at = self._callers.now()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read on; a complete answer calls `on_message_complete`."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Note the answer; the connection is free."""
        self._note(self._parser.get_status_code())
        self._callers.free.append(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """What is under way is lost, and the connection not to be used again."""
        if self._sent_at is not None:
            self._note(BROKEN)
        elif self in self._callers.free:
            self._callers.free.remove(self)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def _note(self, status: int) -> None:
        assert self._sent_at is not None  # noqa: S101 - a server that speaks unasked is no HTTP server
        self._callers.answered(self._sent_at, status)
        self._sent_at = None


class Callers:
    """The requests of all connections."""

    def __init__(self, order: Order) -> None:
        """Start the clock."""
        self._order = order
        self._started_at = time.perf_counter()
        self._under_way = 0
        self._opening: list[asyncio.Future[None]] = []
        self._all_answered = asyncio.Event()
        self._all_answered.set()
        self.free: list[Connection] = []
        self.outcome = Outcome()

    def now(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._started_at

    def send(self, request: bytes, *, due_at: float) -> None:
        """Send a request now, or as soon as there is a connection for it."""
        self._under_way += 1
        self._all_answered.clear()
        if self.free:
            self._send(self.free.pop(), request, due_at)
        else:
            self._opening.append(asyncio.ensure_future(self._send_on_a_new_one(request, due_at)))

    async def _send_on_a_new_one(self, request: bytes, due_at: float) -> None:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self), *self._order.address
        )
        self._send(connection, request, due_at)

    def _send(self, connection: Connection, request: bytes, due_at: float) -> None:
        self.outcome.late_s.append(self.now() - due_at)
        connection.send(request)

    def answered(self, sent_at: float, status: int) -> None:
        """Note an answer that is complete now."""
        self.outcome.answers.append((sent_at, self.now(), status))
        self._under_way -= 1
        if not self._under_way:
            self._all_answered.set()

    async def end(self) -> Outcome:
        """Wait for the last answers, and hang up.

        Raises:
            OSError: the server could not be reached.
        """
        await asyncio.gather(*self._opening)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._all_answered.wait(), self._order.patience_s)
        for connection in self.free:
            connection.close()
        return Outcome(self.outcome.answers, self._under_way, self.outcome.late_s, time.process_time())


def due(order: Order, *, seed: int = 0) -> Iterator[float]:
    """When the requests are due, in seconds since the start."""
    gaps = random.Random(seed)  # noqa: S311 - the same gaps in every run
    at = gaps.expovariate(order.rate_per_s)
    while at < order.seconds:
        yield at
        at += gaps.expovariate(order.rate_per_s)


async def ask(order: Order) -> Outcome:
    """Send each request when it is due.

    Raises:
        OSError: the server cannot be reached.
    """
    requests = itertools.cycle([Path(path).read_bytes() for path in order.requests])
    callers = Callers(order)
    for due_at, request in zip(due(order), requests, strict=False):
        await asyncio.sleep(max(0.0, due_at - callers.now()))
        callers.send(request, due_at=due_at)
    return await callers.end()


if __name__ == "__main__":
    sys.exit(carry_out(Order, ask))
