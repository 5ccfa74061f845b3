"""The project's load generator: `python -m cronnx_lab.load.generator` reads an Order and writes Answers, both as JSON.

It is a process of its own so that its CPU time can be told from the server's. Requests are prepared bytes and answers
are parsed in C, so that it takes little from a server on the same machine, and equally much whichever server it loads.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, cast

import httptools
import uvloop

from cronnx_lab.load.answers import BROKEN, Answer, Answers, Order, Span


class Loop(Protocol):
    """The policy of a load: which connection sends when."""

    def now(self) -> float:
        """The time since the load began, in seconds."""

    def on_answer(self, connection: Connection, sent_at: float, status: int) -> None:
        """Take an answer that is complete; the connection is idle."""

    def on_close(self, connection: Connection, sent_at: float | None) -> None:
        """Take the loss of a connection; `sent_at` is None if it was idle."""


class Connection(asyncio.Protocol):
    """An HTTP connection with at most one request in flight."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._sent_at: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class

    def send(self, request: bytes) -> None:
        """Send a request; the one before it has been answered."""
        self._sent_at = self._loop.now()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Parse; a complete answer calls `on_message_complete`."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Report the answer."""
        sent_at, self._sent_at = self._sent_at, None
        assert sent_at is not None  # noqa: S101 - an HTTP server speaks only when asked
        self._loop.on_answer(self, sent_at, self._parser.get_status_code())

    def connection_lost(self, _exc: Exception | None) -> None:
        """Report the loss."""
        sent_at, self._sent_at = self._sent_at, None
        self._loop.on_close(self, sent_at)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


class ClosedLoop:
    """A fixed number of connections, each of which sends its next request when the last one is answered."""

    def __init__(self, order: Order) -> None:
        """Start the clock."""
        self._order, self._requests = order, requests(order)
        self._answers: list[Answer] = []
        self._active = order.concurrency
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._started_at = time.perf_counter()

    def now(self) -> float:
        """The time since the load began, in seconds."""
        return time.perf_counter() - self._started_at

    async def run(self) -> Answers:
        """Keep `concurrency` requests in flight.

        Raises:
            OSError: A server cannot be reached or closes a connection.
        """
        cpu_s, event_loop = time.process_time(), asyncio.get_running_loop()
        for host, port in itertools.islice(itertools.cycle(self._order.addresses), self._order.concurrency):
            _, connection = await event_loop.create_connection(lambda: Connection(self), host, port)
            self._send(connection)
        await self._ended
        return Answers(self._answers, cpu_s=time.process_time() - cpu_s)

    def on_answer(self, connection: Connection, sent_at: float, status: int) -> None:
        """Record the answer and send the next request."""
        self._answers.append((sent_at, self.now(), status))
        self._send(connection)

    def on_close(self, _connection: Connection, sent_at: float | None) -> None:
        """End the load with an error if a request was in flight."""
        if sent_at is not None and not self._ended.done():
            self._ended.set_exception(ConnectionResetError("the server closed a connection before it answered"))

    def _send(self, connection: Connection) -> None:
        if self.now() < self._order.seconds:
            connection.send(next(self._requests))
            return
        connection.close()
        self._active -= 1
        if not self._active and not self._ended.done():
            self._ended.set_result(None)


class OpenLoop:
    """Requests at random times, as many independent callers send them (a Poisson process).

    Each is sent on an idle connection, or on a new one: no request waits for the answer to another.
    """

    def __init__(self, order: Order) -> None:
        """Start the clock."""
        self._order = order
        self._answers: list[Answer] = []
        self._sent: list[Span] = []
        self._in_flight = 0
        self._opening: list[asyncio.Future[None]] = []
        self._idle: list[Connection] = []
        self._all_answered = asyncio.Event()
        self._started_at = time.perf_counter()

    def now(self) -> float:
        """The time since the load began, in seconds."""
        return time.perf_counter() - self._started_at

    async def run(self) -> Answers:
        """Send each request when it is due, and wait for the last answers.

        Raises:
            OSError: The server cannot be reached.
        """
        cpu_s = time.process_time()
        addresses = itertools.cycle(self._order.addresses)
        for due_at, request in zip(due(self._order), requests(self._order), strict=False):
            await asyncio.sleep(max(0.0, due_at - self.now()))
            self._in_flight += 1
            if self._idle:
                self._send(self._idle.pop(), request, due_at)
            else:
                self._opening.append(asyncio.ensure_future(self._connect(next(addresses), request, due_at)))
        await asyncio.gather(*self._opening)
        if self._in_flight:
            self._all_answered.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._all_answered.wait(), self._order.wait_s)
        for connection in self._idle:
            connection.close()
        return Answers(self._answers, self._in_flight, self._sent, time.process_time() - cpu_s)

    def on_answer(self, connection: Connection, sent_at: float, status: int) -> None:
        """Record the answer; the connection can be used again."""
        self._record(sent_at, status)
        self._idle.append(connection)

    def on_close(self, connection: Connection, sent_at: float | None) -> None:
        """Record the request in flight as broken, or forget the idle connection."""
        if sent_at is not None:
            self._record(sent_at, BROKEN)
        elif connection in self._idle:
            self._idle.remove(connection)

    async def _connect(self, address: tuple[str, int], request: bytes, due_at: float) -> None:
        _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(self), *address)
        self._send(connection, request, due_at)

    def _send(self, connection: Connection, request: bytes, due_at: float) -> None:
        self._sent.append((due_at, self.now()))
        connection.send(request)

    def _record(self, sent_at: float, status: int) -> None:
        self._answers.append((sent_at, self.now(), status))
        self._in_flight -= 1
        if not self._in_flight:
            self._all_answered.set()


def requests(order: Order) -> Iterator[bytes]:
    """The order's requests in rotation, without end."""
    return itertools.cycle([Path(path).read_bytes() for path in order.requests])


def due(order: Order, *, seed: int = 0) -> Iterator[float]:
    """The times at which an open loop sends requests, in seconds since its start; the same in every run."""
    gaps = random.Random(seed)  # noqa: S311 - reproducible, not secret
    at = gaps.expovariate(order.rate_per_s)
    while at < order.seconds:
        yield at
        at += gaps.expovariate(order.rate_per_s)


async def generate(order: Order) -> Answers:
    """Generate the load.

    Raises:
        OSError: A server cannot be reached or closes a connection of a closed loop.
    """
    loop = ClosedLoop(order) if order.concurrency else OpenLoop(order)
    return await loop.run()


def main() -> int:
    """Generate the load that standard input orders; the exit status."""
    order = Order(**json.load(sys.stdin))
    try:
        answers = uvloop.run(generate(order))
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    json.dump(asdict(answers), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
