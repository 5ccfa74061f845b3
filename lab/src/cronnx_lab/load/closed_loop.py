"""A load generator: so many connections, on each the next request as soon as the last is answered.

A process of its own: `python -m cronnx_lab.load.closed_loop` reads an `Order` from stdin and writes an `Outcome`
to stdout, both as JSON. Requests are bytes made beforehand and answers are parsed in C, so that it takes little from
the server on the same machine, and the same whichever server it asks; what it takes is part of the outcome.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httptools

from cronnx_lab.load.load_process import carry_out
from cronnx_lab.measurement import Span

SUCCESS = 200


@dataclass(frozen=True)
class Order:
    """What to ask.

    Attributes:
        addresses: (host, port) of the servers; the connections are spread over them evenly.
        requests: files, each with a whole HTTP request, sent in turn.
        concurrency: connections.
        seconds: for how long to begin requests; those under way are waited for.
    """

    addresses: list[tuple[str, int]]
    requests: list[str]
    concurrency: int
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What became of the requests.

    Attributes:
        spans: when each that succeeded began and ended, in seconds since the first.
        failed: requests answered with another status than 200.
        cpu_s: CPU time of this process while it asked.
    """

    spans: list[Span]
    failed: int
    cpu_s: float


class Loop:
    """The requests of all connections, until it is time to stop."""

    def __init__(self, requests: Iterator[bytes], *, seconds: float) -> None:
        """Start the clock."""
        self._requests = requests
        self._seconds = seconds
        self._started_at = time.perf_counter()
        self.spans: list[Span] = []
        self.failed = 0

    def next(self) -> bytes | None:
        """The next request; none when the time is up."""
        return next(self._requests) if self.now() < self._seconds else None

    def now(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._started_at

    def answered(self, status: int, began: float) -> None:
        """Note an answer that is complete now."""
        if status == SUCCESS:
            self.spans.append((began, self.now()))
        else:
            self.failed += 1


class Connection(asyncio.Protocol):
    """One connection, on which one request is under way at a time."""

    def __init__(self, loop: Loop) -> None:
        """`ended` is done when the time is up, and fails if the server hangs up before."""
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        self._send()

    def data_received(self, data: bytes) -> None:
        """Read on; a complete answer calls `on_message_complete`."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Note the answer and send the next request."""
        self._loop.answered(self._parser.get_status_code(), self._began)
        self._send()

    def connection_lost(self, _exc: Exception | None) -> None:
        """A server that hangs up too early spoils the measurement."""
        if not self.ended.done():
            self.ended.set_exception(ConnectionResetError("the server closed a connection before it answered"))

    def _send(self) -> None:
        request = self._loop.next()
        if request is None:
            self.ended.set_result(None)
            self._transport.close()
            return
        self._began = self._loop.now()
        self._transport.write(request)


async def ask(order: Order) -> Outcome:
    """Keep `order.concurrency` requests under way.

    Raises:
        OSError: a server cannot be reached or hangs up.
    """
    requests = itertools.cycle([Path(path).read_bytes() for path in order.requests])
    event_loop, cpu_s_before = asyncio.get_running_loop(), time.process_time()
    loop = Loop(requests, seconds=order.seconds)
    connections = []
    for host, port in itertools.islice(itertools.cycle(order.addresses), order.concurrency):
        _, connection = await event_loop.create_connection(lambda: Connection(loop), host, port)
        connections.append(connection.ended)
    await asyncio.gather(*connections)
    return Outcome(loop.spans, loop.failed, time.process_time() - cpu_s_before)


if __name__ == "__main__":
    sys.exit(carry_out(Order, ask))
