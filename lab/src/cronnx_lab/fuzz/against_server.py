"""Batches of damaged images and malformed requests sent to a server, with a sound image among them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from hypothesis import strategies as st

from cronnx_lab.errors import MeasurementError
from cronnx_lab.fuzz import malformed
from cronnx_lab.fuzz.images import payloads
from cronnx_lab.fuzz.judgement import NEIGHBOUR_ERROR, answer_fault
from cronnx_lab.fuzz.requests import TRANSPORTS, Connection, NoAnswerError, Payload, Request, over_generate
from cronnx_lab.fuzz.tally import Tally, explore
from cronnx_lab.servers import ProcessTree, triton_server
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, PICTURES

# A first tenth of the cases lets pools and arenas grow; growth after it is a leak.
WARM_UP = 10
MOST_GROWTH = 0.1

BATCH = 8

# A malformed request may name a model that is missing, or be misread by Triton.
_IMAGE_STATUSES = frozenset((200, 400))
_REQUEST_STATUSES = frozenset((200, 400, 404, 500))


@dataclass(frozen=True)
class Case:
    """A request, and the statuses that are right for it."""

    kind: str
    request: Request
    statuses: frozenset[int]


class Sender:
    """Sends cases to one model of a server, and keeps a tally of each kind."""

    def __init__(self, connection: Connection, model: str) -> None:
        """Send a sound image first; its labels must never change.

        Raises:
            NoAnswerError: There is no server.
        """
        self.tallies: dict[str, Tally] = {}
        self._connection = connection
        sound = over_generate(model, Payload((PICTURES / "coffee.jpg").read_bytes()))
        self._sound = Case("sound images beside them", sound, frozenset((200,)))
        self._labels = json.loads(connection.send(sound).body)["label"]
        self._threads = ThreadPoolExecutor(BATCH + 1, "case")

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def send(self, cases: Sequence[Case]) -> None:
        """Send these cases and the sound one at the same time, and count the outcomes."""
        batch = [self._sound, *cases]
        for case, (outcome, fault, seconds) in zip(batch, self._threads.map(self._send, batch), strict=True):
            tally = self.tallies.setdefault(case.kind, Tally())
            tally.add(outcome, fault=fault, case=case.request, seconds=seconds)

    def _send(self, case: Case) -> tuple[str, str | None, float]:
        """The outcome of a case, its fault if any, and its time in seconds."""
        start = time.perf_counter()
        try:
            answer = self._connection.send(case.request)
        except NoAnswerError as error:
            return "no answer", f"no answer {error}", time.perf_counter() - start
        seconds = time.perf_counter() - start
        if case is self._sound and NEIGHBOUR_ERROR in answer.message:
            return "failed with its batch", None, seconds
        fault = answer_fault(answer, statuses=case.statuses)
        if case is self._sound and not fault and (labels := json.loads(answer.body)["label"]) != self._labels:
            fault = f"expected the labels {self._labels}, got {labels}"
        return str(answer.status), fault, seconds


def batches(model: str) -> st.SearchStrategy[list[Case]]:
    """Damaged images over every transport, and malformed requests of both protocols."""
    cases = st.one_of(
        _pictures(model),
        _cases("requests, HTTP JSON", malformed.http_requests(model)),
        _cases("requests, HTTP binary", malformed.binary_requests(model)),
        _cases("requests, gRPC", malformed.grpc_requests(model)),
    )
    return st.lists(cases, min_size=BATCH, max_size=BATCH)


def _pictures(model: str) -> st.SearchStrategy[Case]:
    def case(transport: str, payload: Payload) -> Case:
        return Case(f"images, {transport}", TRANSPORTS[transport](model, payload), _IMAGE_STATUSES)

    return st.builds(case, st.sampled_from(sorted(TRANSPORTS)), payloads())


def _cases(kind: str, requests: st.SearchStrategy[Request]) -> st.SearchStrategy[Case]:
    return requests.map(lambda request: Case(kind, request, _REQUEST_STATUSES))


def against_a_server(model: str, count: int, *, seed: int, on_case: Callable[[], None]) -> dict[str, Tally]:
    """Send `count` cases to a server of one ensemble.

    Raises:
        CommandError: The server did not start.
    """
    with (
        triton_server([MODEL_REPOSITORY, ENSEMBLES], [model]) as (addresses, processes),
        closing(Connection(addresses)) as connection,
        closing(Sender(connection, model)) as sender,
    ):
        server = _ServerUnderTest(sender, processes, on_case)
        explore(batches(model), server.send, count=count // BATCH // WARM_UP, seed=seed)
        server.compare_memory()
        explore(batches(model), server.send, count=count // BATCH, seed=seed + 1)
        server.compare_memory()
        return {**sender.tallies, "the server's processes": server.tally}


class _ServerUnderTest:
    """The server under test: whether its processes are alive, and their memory."""

    def __init__(self, sender: Sender, processes: ProcessTree, on_case: Callable[[], None]) -> None:
        self.tally = Tally()
        self._sender, self._processes, self._on_case = sender, processes, on_case
        self._pids = processes.pids()
        self._memory_bytes: int | None = None

    def send(self, batch: Sequence[Case]) -> None:
        """Send a batch, unless an earlier one ended a process."""
        if self.tally.wrong:
            return
        self._sender.send(batch)
        died = self._pids - self._processes.pids()
        fault = f"{len(died)} of {len(self._pids)} processes ended" if died else None
        self.tally.add("died" if died else "alive", fault=fault, case=batch, seconds=0)
        for _ in batch:
            self._on_case()

    def compare_memory(self) -> None:
        """Compare the memory with that of the last call."""
        try:
            memory_bytes = self._processes.own_bytes()
        except MeasurementError:  # counted by `send`
            return
        if self._memory_bytes:
            growth = memory_bytes / self._memory_bytes - 1
            fault = f"grew by {growth:.1%}" if growth > MOST_GROWTH else None
            self.tally.add(f"{growth:+.1%} of {self._memory_bytes / 1e6:.0f} MB", fault=fault, case=None, seconds=0)
        self._memory_bytes = memory_bytes
