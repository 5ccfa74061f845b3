from __future__ import annotations

import asyncio
import itertools
import statistics
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cronnx_lab.load.answers import BROKEN, OK, Answers, Order
from cronnx_lab.load.generator import due, generate

ANSWER = b"HTTP/1.1 %d Any\r\nContent-Length: 2\r\n\r\n{}"
RATE_PER_S, SECONDS = 200.0, 0.5

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """Answers every request with the next status, or closes the connection at 0, and notes what it gets."""

    statuses: Iterator[int] = field(default_factory=lambda: itertools.cycle([OK]))
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while await head(reader):
            self.bodies.append(await reader.readexactly(1))
            status = next(self.statuses)
            if status == 0:
                writer.close()
                return
            writer.write(ANSWER % status)


async def head(reader: asyncio.StreamReader) -> bytes:
    """The head of a request; empty when the client closes the connection."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def loaded(
    folder: Path, *handlers: Handler, concurrency: int = 0, rate_per_s: float = 0.0, wait_s: float = 30.0
) -> Answers:
    """The answers of servers to a load of the requests a and b."""
    paths = [folder / name for name in ("a", "b")]
    for path in paths:
        path.write_bytes(b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n" + path.name.encode())

    async def run() -> Answers:
        servers = [await asyncio.start_server(handler, "127.0.0.1", 0) for handler in handlers]
        addresses = [("127.0.0.1", server.sockets[0].getsockname()[1]) for server in servers]
        try:
            return await generate(
                Order(addresses, list(map(str, paths)), SECONDS, concurrency, rate_per_s, wait_s=wait_s)
            )
        finally:
            for server in servers:
                server.close()

    return asyncio.run(run())


def count_due() -> int:
    return len(list(due(Order([], [], SECONDS, rate_per_s=RATE_PER_S))))


def test_a_closed_loop_counts_every_answer_once(tmp_path: Path) -> None:
    server = Server()
    answers = loaded(tmp_path, server, concurrency=3)
    assert answers.count(OK) == len(answers.answers) == len(server.bodies) > 3
    assert all(0 <= sent <= answered for sent, answered, _ in answers.answers)
    assert answers.cpu_s > 0


def test_a_closed_loop_keeps_as_many_connections_as_its_concurrency(tmp_path: Path) -> None:
    server = Server()
    loaded(tmp_path, server, concurrency=3)
    assert server.connections == 3


def test_requests_take_turns(tmp_path: Path) -> None:
    server = Server()
    loaded(tmp_path, server, concurrency=1)
    assert server.bodies[:4] == [b"a", b"b", b"a", b"b"]


def test_connections_are_spread_over_the_servers(tmp_path: Path) -> None:
    servers = Server(), Server()
    loaded(tmp_path, *servers, concurrency=4)
    assert [server.connections for server in servers] == [2, 2]


def test_an_error_is_an_answer_with_its_status(tmp_path: Path) -> None:
    server = Server(itertools.cycle([500]))
    answers = loaded(tmp_path, server, concurrency=3)
    assert answers.spans(OK) == []
    assert answers.count(500) == len(server.bodies) > 0


def test_a_server_that_closes_a_connection_ends_a_closed_loop(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError, match="before it answered"):
        loaded(tmp_path, Server(itertools.cycle([0])), concurrency=3)


def test_requests_are_due_at_the_rate_at_random_and_the_same_each_time() -> None:
    order = Order([], [], seconds=10.0, rate_per_s=1000.0)
    at = list(due(order))
    assert 9_500 < len(at) < 10_500
    assert at == sorted(at) == list(due(order))
    gaps = [after - before for before, after in itertools.pairwise(at)]
    assert statistics.stdev(gaps) == pytest.approx(statistics.mean(gaps), rel=0.1)


def test_an_open_loop_sends_every_request_and_counts_it_by_its_status(tmp_path: Path) -> None:
    answers = loaded(tmp_path, Server(itertools.cycle([200, 503])), rate_per_s=RATE_PER_S)
    assert len(answers.answers) == len(answers.sent) == count_due()
    assert {status for _, _, status in answers.answers} == {200, 503}
    assert all(0 <= sent <= answered for sent, answered, _ in answers.answers)
    assert answers.unanswered == 0
    assert answers.cpu_s > 0


def test_in_an_open_loop_no_request_waits_for_the_answer_to_another(tmp_path: Path) -> None:
    sent, all_sent = itertools.count(1), asyncio.Event()

    async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        if next(sent) == count_due():
            all_sent.set()
        await all_sent.wait()
        writer.write(ANSWER % 200)

    assert len(loaded(tmp_path, answer_at_the_end, rate_per_s=RATE_PER_S).answers) == count_due()


def test_an_open_loop_counts_what_is_never_answered(tmp_path: Path) -> None:
    async def keep_silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    answers = loaded(tmp_path, keep_silent, rate_per_s=RATE_PER_S, wait_s=0.01)
    assert (answers.answers, answers.unanswered) == ([], count_due())


def test_an_open_loop_counts_a_connection_that_breaks(tmp_path: Path) -> None:
    answers = loaded(tmp_path, Server(itertools.cycle([0])), rate_per_s=RATE_PER_S)
    assert answers.count(BROKEN) == len(answers.answers) == count_due()


@pytest.mark.parametrize("load", [{"concurrency": 1}, {"rate_per_s": 400.0}], ids=["closed", "open"])
def test_a_server_that_is_not_there_is_an_error(load: dict[str, float], tmp_path: Path) -> None:
    request = tmp_path / "request"
    request.write_bytes(b"any")
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(generate(Order([("127.0.0.1", 1)], [str(request)], SECONDS, **load)))
