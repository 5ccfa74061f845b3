"""Questions put to a server several at a time, with a sound one among them: they share its batches."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from hypothesis import strategies as st

from cronnx_lab.fuzz import malformed
from cronnx_lab.fuzz.campaign import Tally
from cronnx_lab.fuzz.damage import payloads
from cronnx_lab.fuzz.verdict import OF_A_NEIGHBOUR, wrong
from cronnx_lab.fuzz.ways import WAYS, Payload, over_generate
from cronnx_lab.fuzz.wire import NoAnswerError, Request, Wire
from cronnx_server.paths import PICTURES

VOLLEY = 8

# Of a picture, and of a request: what it names may not be there, and Triton may misread it.
_OF_PICTURES = frozenset((200, 400))
_OF_REQUESTS = frozenset((200, 400, 404, 500))


@dataclass(frozen=True)
class Question:
    """A request, and which answers to it are right."""

    kind: str
    request: Request
    statuses: frozenset[int]


class Questioner:
    """Puts questions to one model of a server, and keeps a tally of each kind."""

    def __init__(self, wire: Wire, model: str) -> None:
        """Ask for a sound picture first: nothing may change what is said of it.

        Raises:
            NoAnswerError: there is no server.
        """
        self.tallies: dict[str, Tally] = {}
        self._wire = wire
        sound = over_generate(model, Payload((PICTURES / "coffee.jpg").read_bytes()))
        self._sound = Question("sound pictures beside them", sound, frozenset((200,)))
        self._labels = json.loads(wire.ask(sound).body)["label"]
        self._threads = ThreadPoolExecutor(VOLLEY + 1, "question")

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown()

    def ask(self, questions: Sequence[Question]) -> None:
        """Put these and the sound one at the same time, and count what came of each."""
        volley = [self._sound, *questions]
        for question, (outcome, fault, seconds) in zip(volley, self._threads.map(self._asked, volley), strict=True):
            tally = self.tallies.setdefault(question.kind, Tally())
            tally.add(outcome, fault=fault, case=question.request, seconds=seconds)

    def _asked(self, question: Question) -> tuple[str, str | None, float]:
        """How it ended, what was wrong with that, and how many seconds it took."""
        start = time.perf_counter()
        try:
            answer = self._wire.ask(question.request)
        except NoAnswerError as error:
            return "no answer", f"no answer {error}", time.perf_counter() - start
        seconds = time.perf_counter() - start
        if question is self._sound and OF_A_NEIGHBOUR in answer.message:
            return "failed by a neighbour", None, seconds
        fault = wrong(answer, statuses=question.statuses)
        if question is self._sound and not fault and (labels := json.loads(answer.body)["label"]) != self._labels:
            fault = f"labels {labels}, alone {self._labels}"
        return str(answer.status), fault, seconds


def volleys(model: str) -> st.SearchStrategy[list[Question]]:
    """Damaged pictures by every way in, and malformed requests of both protocols."""
    questions = st.one_of(
        _pictures(model),
        _questions("requests, HTTP JSON", malformed.http_requests(model)),
        _questions("requests, HTTP binary", malformed.binary_requests(model)),
        _questions("requests, gRPC", malformed.grpc_requests(model)),
    )
    return st.lists(questions, min_size=VOLLEY, max_size=VOLLEY)


def _pictures(model: str) -> st.SearchStrategy[Question]:
    def question(way: str, payload: Payload) -> Question:
        return Question(f"pictures, {way}", WAYS[way](model, payload), _OF_PICTURES)

    return st.builds(question, st.sampled_from(sorted(WAYS)), payloads())


def _questions(kind: str, requests: st.SearchStrategy[Request]) -> st.SearchStrategy[Question]:
    return requests.map(lambda request: Question(kind, request, _OF_REQUESTS))
