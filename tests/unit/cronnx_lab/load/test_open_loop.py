from __future__ import annotations

import asyncio
import itertools
import statistics
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cronnx_lab.load.open_loop import BROKEN, Order, Outcome, ask, due

RATE_PER_S, SECONDS = 400.0, 0.25
ANSWER = b"HTTP/1.1 %d Any\r\nContent-Length: 2\r\n\r\n{}"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def order(*, port: int = 0, requests: tuple[str, ...] = (), patience_s: float = 30.0) -> Order:
    return Order(("127.0.0.1", port), list(requests), RATE_PER_S, SECONDS, patience_s)


def offered(handler: Handler, tmp_path: Path, *, patience_s: float = 30.0) -> Outcome:
    """What became of requests to a server that handles each connection so."""

    async def run() -> Outcome:
        request = tmp_path / "request"
        request.write_bytes(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            return await ask(order(port=port, requests=(str(request),), patience_s=patience_s))

    return asyncio.run(run())


def test_requests_are_due_at_the_rate_at_random_and_the_same_each_time() -> None:
    at = list(due(Order(("", 0), [], 1000.0, 10.0, 0.0)))
    assert 9_500 < len(at) < 10_500
    assert at == sorted(at) == list(due(Order(("", 0), [], 1000.0, 10.0, 0.0)))
    gaps = [after - before for before, after in itertools.pairwise(at)]
    assert statistics.stdev(gaps) == pytest.approx(statistics.mean(gaps), rel=0.1)


def test_every_request_is_sent_and_counted_by_its_status(tmp_path: Path) -> None:
    statuses = itertools.cycle([200, 503])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(ANSWER % next(statuses))

    outcome = offered(answer, tmp_path)
    assert len(outcome.answers) == len(outcome.late_s) == len(list(due(order())))
    assert {status for _, _, status in outcome.answers} == {200, 503}
    assert all(0 <= sent <= ended for sent, ended, _ in outcome.answers)
    assert outcome.unanswered == 0
    assert outcome.cpu_s > 0


def test_no_request_waits_for_another_ones_answer(tmp_path: Path) -> None:
    all_sent = asyncio.Event()
    sent = itertools.count(1)

    async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if next(sent) == len(list(due(order()))):
            all_sent.set()
        await all_sent.wait()
        writer.write(ANSWER % 200)

    assert len(offered(answer_at_the_end, tmp_path).answers) == len(list(due(order())))


def test_what_is_never_answered_is_counted_when_patience_ends(tmp_path: Path) -> None:
    async def keep_silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    outcome = offered(keep_silent, tmp_path, patience_s=0.01)
    assert (outcome.answers, outcome.unanswered) == ([], len(list(due(order()))))


def test_a_connection_that_breaks_is_neither_an_answer_nor_a_wait(tmp_path: Path) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    outcome = offered(hang_up, tmp_path)
    assert {status for _, _, status in outcome.answers} == {BROKEN}
    assert len(outcome.answers) == len(list(due(order())))


def test_a_server_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    request = tmp_path / "request"
    request.write_bytes(b"any")
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(ask(order(port=1, requests=(str(request),))))
