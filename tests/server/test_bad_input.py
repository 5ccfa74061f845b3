"""The corpus and the fuzzer against a real server: each gets its answer, and the server goes on as before."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from cronnx_lab.fuzz.campaign import explore
from cronnx_lab.fuzz.verdict import OF_A_NEIGHBOUR, wrong
from cronnx_lab.fuzz.volleys import VOLLEY, Questioner, volleys
from cronnx_lab.fuzz.ways import WAYS, Payload, over_generate
from cronnx_lab.fuzz.wire import Answer, Request, Wire
from cronnx_lab.servers import ProcessTree
from cronnx_server.paths import PICTURES as PHOTOGRAPHS
from tests.corpus.catalogue import PICTURES, REQUESTS
from tests.corpus.malformed import MODEL
from tests.server.conftest import Served

COFFEE = Payload((PHOTOGRAPHS / "coffee.jpg").read_bytes())


@pytest.fixture(scope="module")
def wire(served: Served) -> Iterator[Wire]:
    with closing(Wire(served.addresses)) as wire:
        yield wire


@pytest.fixture(scope="module", autouse=True)
def processes(served: Served) -> Iterator[ProcessTree]:
    """The server's; whatever the tests send, none of them ends."""
    family = ProcessTree([served.process.pid])
    before = family.pids()
    yield family
    assert family.pids() >= before


class Neighbours:
    """Asks for a sound picture together with whatever else is asked for."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self._threads = wire, ThreadPoolExecutor(2)
        self._labels = labels(wire.ask(over_generate(MODEL, COFFEE)))

    def ask(self, request: Request) -> Answer:
        neighbour = self._threads.submit(self._wire.ask, over_generate(MODEL, COFFEE))
        answer = self._wire.ask(request)
        found = neighbour.result()
        if OF_A_NEIGHBOUR in found.message:  # alone it would have been answered: it is asked for again
            found = self._wire.ask(over_generate(MODEL, COFFEE))
        assert labels(found) == self._labels
        return answer

    def close(self) -> None:
        self._threads.shutdown()


@pytest.fixture(scope="module")
def neighbours(wire: Wire) -> Iterator[Neighbours]:
    with closing(Neighbours(wire)) as neighbours:
        yield neighbours


def labels(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    found: list[str] = json.loads(answer.body)["label"]
    return found


def fault(answer: Answer, status: int, message: str) -> str | None:
    if found := wrong(answer, statuses={status}):
        return found
    return None if re.search(message, answer.message) else f"{answer.message!r} came, {message!r} was expected"


@pytest.mark.parametrize("way", WAYS)
def test_every_kind_of_picture_is_answered_or_refused_by_every_way(way: str, neighbours: Neighbours) -> None:
    faults = {}
    for picture in PICTURES:
        answer = neighbours.ask(WAYS[way](MODEL, picture.payload))
        status, message = (200, "") if picture.refusal is None else (400, rf"image\[0\]: {picture.refusal}$")
        faults[picture.kind] = fault(answer, status, message)
    assert {kind: found for kind, found in faults.items() if found} == {}


def test_every_malformed_request_is_refused_with_its_status_and_reason(neighbours: Neighbours) -> None:
    faults = {each.kind: fault(neighbours.ask(each.request), each.status, re.escape(each.message)) for each in REQUESTS}
    assert {kind: found for kind, found in faults.items() if found} == {}


def test_drawn_pictures_and_requests_are_answered_or_refused(wire: Wire) -> None:
    with closing(Questioner(wire, MODEL)) as questioner:
        explore(volleys(MODEL), questioner.ask, count=40, seed=1)
        tallies = questioner.tallies
    assert sum(tally.cases for tally in tallies.values()) >= 40 * (VOLLEY + 1)
    assert {kind: tally.wrong for kind, tally in tallies.items() if tally.wrong} == {}


def test_bodies_that_never_end_keep_nobody_waiting(served: Served, wire: Wire) -> None:
    body = over_generate(MODEL, COFFEE).body
    head = f"POST /v2/models/{MODEL}/generate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    where = (served.addresses.address, served.addresses.http_port)
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(where, timeout=60)) for _ in range(100)]
        for connection in slow:
            connection.sendall(head + body[:100])
        expected = labels(wire.ask(over_generate(MODEL, COFFEE)))
        for end in range(101, 130):
            slow[0].sendall(body[end - 1 : end])
        slow[0].sendall(body[129:])
        answer = b""
        while expected[0].encode() not in answer:
            received = slow[0].recv(2**16)
            assert received, f"hung up after {answer!r}"
            answer += received
        assert answer.startswith(b"HTTP/1.1 200 OK")
    assert labels(wire.ask(over_generate(MODEL, COFFEE))) == expected


def test_refusals_leave_no_memory_behind(wire: Wire, processes: ProcessTree) -> None:
    content = COFFEE.content[:6000].ljust(2**20, b"\xff")

    def refuse(count: int) -> None:
        for way in WAYS.values():
            for _ in range(count):
                assert wire.ask(way(MODEL, Payload(content))).status == 400

    refuse(5)
    before = processes.pss_bytes()
    refuse(50)
    grown = processes.pss_bytes() - before
    assert grown < 50 * len(content)  # a quarter of what has passed
