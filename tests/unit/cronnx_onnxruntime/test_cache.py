from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cronnx_onnxruntime.cache import CachedAnswers, cache_bytes
from cronnx_onnxruntime.errors import InferenceError
from cronnx_onnxruntime.runner import Answer, Request


class Network:
    """Answers with the sum of each row and the number of the run, and counts what it runs."""

    def __init__(self) -> None:
        self.ran: list[int] = []
        self.fails = False

    def answers(self, requests: Sequence[Request]) -> list[Answer]:
        self.ran.append(len(requests))
        if self.fails:
            return [InferenceError("out of memory", caller_at_fault=False)] * len(requests)
        return [self._answer(next(iter(request.inputs.values()))) for request in requests]

    def _answer(self, pixels: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        label = np.array([[str(len(self.ran)).encode()]] * len(pixels), dtype=object)
        return {"logits": np.full((len(pixels), 2), len(self.ran), np.float32), "label": label}


def request(
    *pixels: int, wanted: Sequence[str] = ("label",), shape: Sequence[int] = (1, -1), name: str = "pixels"
) -> Request:
    return Request({name: np.array(pixels, np.uint8).reshape(shape)}, wanted)


def text(*elements: bytes) -> Request:
    return Request({"image": np.array(elements, dtype=object).reshape(1, -1)}, ("label",))


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def cached(network: Network) -> CachedAnswers:
    return CachedAnswers(network.answers, most_bytes=10_000)


def run_by(answer: Answer) -> tuple[set[str], bytes]:
    """Return the outputs of an answer, and the run that gave it."""
    assert not isinstance(answer, InferenceError)
    return set(answer), answer["label"][0, 0]


def test_of_a_batch_only_what_is_new_is_run(network: Network, cached: CachedAnswers) -> None:
    cached.answers([request(1), request(2)])
    answers = cached.answers([request(2), request(3), request(1)])
    assert [run_by(answer)[1] for answer in answers] == [b"1", b"2", b"1"]
    assert network.ran == [2, 1]


@pytest.mark.parametrize(
    "other",
    [
        request(1, 2, wanted=("logits", "label")),
        request(1, 2, shape=(2, 1)),
        request(1, 2, name="mask"),
        request(1, 3),
    ],
    ids=["outputs", "shape", "input", "content"],
)
def test_requests_that_differ_in_anything_have_answers_of_their_own(
    network: Network, cached: CachedAnswers, other: Request
) -> None:
    for each in (other, request(1, 2), other, request(1, 2)):
        (answer,) = cached.answers([each])
        assert set(each.wanted) <= run_by(answer)[0]
    assert network.ran == [1, 1]


def test_texts_of_the_same_bytes_in_other_elements_differ(network: Network, cached: CachedAnswers) -> None:
    for each in (text(b"ab", b"c"), text(b"a", b"bc"), text(b"ab", b"c")):
        cached.answers([each])
    assert network.ran == [1, 1]


def test_an_error_is_not_kept(network: Network, cached: CachedAnswers) -> None:
    network.fails = True
    assert isinstance(cached.answers([request(1)])[0], InferenceError)
    network.fails = False
    assert run_by(cached.answers([request(1)])[0]) == ({"logits", "label"}, b"2")


def test_the_least_recently_used_answers_are_forgotten_first(network: Network) -> None:
    cached = CachedAnswers(network.answers, most_bytes=2_000)  # about three answers
    for pixel in (1, 2, 3, 1, 4, 1, 2):
        cached.answers([request(pixel)])
    assert network.ran == [1, 1, 1, 1, 1], "1 was used again and stays, 2 was not"


def test_a_kept_answer_is_a_copy_of_its_part_of_the_batch(cached: CachedAnswers) -> None:
    (first,) = cached.answers([request(1)])
    assert not isinstance(first, InferenceError)
    first["label"][:] = b"overwritten"
    assert run_by(cached.answers([request(1)])[0])[1] == b"1"


def test_hits_and_misses_are_counted(network: Network) -> None:
    counted: list[tuple[int, int]] = []
    cached = CachedAnswers(network.answers, most_bytes=10_000, count=lambda *counts: counted.append(counts))
    cached.answers([request(1), request(2)])
    cached.answers([request(1), request(3)])
    assert counted == [(0, 2), (1, 1)]


def test_a_network_has_a_cache_if_its_configuration_and_the_server_ask_for_one() -> None:
    asks = {"response_cache": {"enable": True}}
    assert (cache_bytes(asks, "7"), cache_bytes(asks, ""), cache_bytes({}, "7")) == (7, 0, 0)
