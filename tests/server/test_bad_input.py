"""The corpus of bad input and the fuzzer against a real server, which answers or refuses each request and goes on.

Each image of the corpus goes over one of the four transports; `--whole-corpus` sends each over all of them.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from cronnx_lab.fuzz.against_server import BATCH, Sender, batches
from cronnx_lab.fuzz.images import webp_of_one_colour
from cronnx_lab.fuzz.judgement import NEIGHBOUR_ERROR, answer_fault
from cronnx_lab.fuzz.requests import TRANSPORTS, Answer, Connection, HttpRequest, Payload, Request, over_generate
from cronnx_lab.fuzz.tally import explore
from cronnx_lab.servers import ProcessTree
from cronnx_preprocess.decoding import MAX_COST_BYTES
from cronnx_server.paths import PICTURES as PHOTOGRAPHS
from tests.corpus.catalogue import PICTURES, REQUESTS
from tests.corpus.malformed import MODEL
from tests.server.conftest import Served
from tests.server.triton import SERVER, started_by

COFFEE = Payload((PHOTOGRAPHS / "coffee.jpg").read_bytes())


@pytest.fixture(scope="module")
def connection(served: Served) -> Iterator[Connection]:
    with closing(Connection(served.addresses)) as connection:
        yield connection


@pytest.fixture(scope="module", autouse=True)
def processes(served: Served) -> Iterator[ProcessTree]:
    """Triton and its stubs. It does not end whatever the tests send; a stub that holds much memory may be replaced."""
    (server,) = started_by(served.process.pid, SERVER)
    processes = ProcessTree([server.pid])
    yield processes
    assert server.is_running()


class Neighbours:
    """Sends a sound picture at the same time as each request."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._threads = connection, ThreadPoolExecutor(2)
        self._labels = labels(connection.send(over_generate(MODEL, COFFEE)))

    def send(self, request: Request) -> Answer:
        neighbour = self._threads.submit(self._connection.send, over_generate(MODEL, COFFEE))
        answer = self._connection.send(request)
        found = neighbour.result()
        if NEIGHBOUR_ERROR in found.message:  # Triton failed the whole batch: the sound picture is sent again
            found = self._connection.send(over_generate(MODEL, COFFEE))
        assert labels(found) == self._labels
        return answer

    def close(self) -> None:
        self._threads.shutdown()


@pytest.fixture(scope="module")
def neighbours(connection: Connection) -> Iterator[Neighbours]:
    with closing(Neighbours(connection)) as neighbours:
        yield neighbours


def labels(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    found: list[str] = json.loads(answer.body)["label"]
    return found


def fault(answer: Answer, status: int, message: str) -> str | None:
    if found := answer_fault(answer, statuses={status}):
        return found
    return (
        None if re.search(message, answer.message) else f"expected a message like {message!r}, got {answer.message!r}"
    )


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_kind_of_picture_is_answered_or_refused(
    transport: str, neighbours: Neighbours, pytestconfig: pytest.Config
) -> None:
    whole, faults = pytestconfig.getoption("whole_corpus"), {}
    for picture in PICTURES if whole else PICTURES[list(TRANSPORTS).index(transport) :: len(TRANSPORTS)]:
        answer = neighbours.send(TRANSPORTS[transport](MODEL, picture.payload))
        status, message = (200, "") if picture.refusal is None else (400, rf"image\[0\]: {picture.refusal}$")
        faults[picture.kind] = fault(answer, status, message)
    assert {kind: found for kind, found in faults.items() if found} == {}


def test_every_malformed_request_is_refused_with_its_status_and_reason(neighbours: Neighbours) -> None:
    faults = {
        each.kind: fault(neighbours.send(each.request), each.status, re.escape(each.message)) for each in REQUESTS
    }
    assert {kind: found for kind, found in faults.items() if found} == {}


def test_drawn_pictures_and_requests_are_answered_or_refused(connection: Connection) -> None:
    with closing(Sender(connection, MODEL)) as sender:
        explore(batches(MODEL), sender.send, count=40, seed=1)
        tallies = sender.tallies
    assert sum(tally.cases for tally in tallies.values()) >= 40 * (BATCH + 1)
    assert {kind: tally.wrong for kind, tally in tallies.items() if tally.wrong} == {}


def test_a_good_picture_is_answered_while_large_ones_are_decoded(
    connection: Connection, processes: ProcessTree
) -> None:
    """One request has 8 pictures of 14 megapixels in 40 bytes each, which take seconds together."""
    large = Payload(webp_of_one_colour(3800, 3800)).text
    tensor = {"name": "image", "datatype": "BYTES", "shape": [8, 1], "data": [large] * 8}
    request = HttpRequest(f"/v2/models/{MODEL}/infer", json.dumps({"inputs": [tensor]}).encode())
    before = processes.own_bytes()
    expected, answered, peak_bytes = labels(connection.send(over_generate(MODEL, COFFEE))), 0, 0
    with ThreadPoolExecutor(1) as thread:
        bombs = thread.submit(connection.send, request)
        while not bombs.done():
            assert labels(connection.send(over_generate(MODEL, COFFEE))) == expected
            answered += not bombs.done()
            peak_bytes = max(peak_bytes, processes.own_bytes() - before)
    assert bombs.result().status == 200
    assert answered >= 1
    assert peak_bytes < 2 * MAX_COST_BYTES  # one at a time: 8 at once take 2 GB


def test_bodies_that_never_end_keep_nobody_waiting(served: Served, connection: Connection) -> None:
    body = over_generate(MODEL, COFFEE).body
    head = f"POST /v2/models/{MODEL}/generate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    where = (served.addresses.address, served.addresses.http_port)
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(where, timeout=60)) for _ in range(100)]
        for each in slow:
            each.sendall(head + body[:100])
        expected = labels(connection.send(over_generate(MODEL, COFFEE)))
        for end in range(101, 130):
            slow[0].sendall(body[end - 1 : end])
        slow[0].sendall(body[129:])
        answer = b""
        while expected[0].encode() not in answer:
            received = slow[0].recv(2**16)
            assert received, f"hung up after {answer!r}"
            answer += received
        assert answer.startswith(b"HTTP/1.1 200 OK")
    assert labels(connection.send(over_generate(MODEL, COFFEE))) == expected


def test_refusals_leave_no_memory_behind(connection: Connection, processes: ProcessTree) -> None:
    content = COFFEE.content[:6000].ljust(2**20, b"\xff")

    def refuse(count: int) -> None:
        for transport in TRANSPORTS.values():
            for _ in range(count):
                assert connection.send(transport(MODEL, Payload(content))).status == 400

    refuse(5)
    before = processes.own_bytes()
    refuse(25)
    grown = processes.own_bytes() - before
    assert grown < 25 * len(content)  # a quarter of what was sent
