"""A short run of the fuzzer, and its judgement."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import strategies as st

from cronnx_lab.fuzz.cost import MOST_MB, Case, cost, costs
from cronnx_lab.fuzz.costly import MAKERS, Costly
from cronnx_lab.fuzz.in_process import decoding_fault, decodings, resizing_fault, resizings
from cronnx_lab.fuzz.judgement import LONGEST_MESSAGE, answer_fault, message_fault
from cronnx_lab.fuzz.requests import Answer
from cronnx_lab.fuzz.tally import Tally, explore, report, tallied
from cronnx_preprocess.geometry import Resize


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about what it found in the files
def test_no_payload_is_anything_but_pixels_or_a_refusal_fit_for_a_caller() -> None:
    tally = tallied(decodings(), decoding_fault, count=500, seed=1, on_case=lambda: None)
    assert tally.cases >= 500
    assert not tally.wrong


def test_a_picture_of_one_colour_keeps_it_whatever_part_is_drawn_at_whatever_size() -> None:
    tally = tallied(resizings(), resizing_fault, count=500, seed=1, on_case=lambda: None)
    assert tally.cases >= 500
    assert not tally.wrong


def test_costly_files_are_answered_or_refused_and_each_is_measured() -> None:
    """Few cases, whose time is measured but not judged: `scripts/fuzz --only cost` judges it."""
    tally = costs(24, seed=4, on_case=lambda: None)
    assert tally.cases >= 24
    assert tally.outcomes["answered"] >= 1
    assert tally.outcomes["refused"] >= 1
    assert tally.slowest_s > 0
    assert 0 < tally.most_mb <= MOST_MB
    assert tally.slowest is not None


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_files_of_every_format_are_made(name: str) -> None:
    made: list[bytes] = []
    explore(st.composite(MAKERS[name])(), lambda file: made.append(file[:8]), count=3, seed=5)
    assert made


def test_a_process_that_dies_is_told_from_one_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cronnx_lab.fuzz.cost.Preprocessor", lambda _: os.kill(os.getpid(), signal.SIGKILL))
    case = Case(Costly("a file", b"x"), 224, antialias=True, resize=Resize.EXACT)
    assert cost(case).outcome == "died with status 9"


def test_the_same_seed_draws_the_same_cases() -> None:
    draws: list[list[object]] = [[], []]
    for drawn in draws:
        explore(decodings(), drawn.append, count=20, seed=3)
    assert draws[0] == draws[1]
    assert len(draws[0]) >= 20


@pytest.mark.parametrize(
    "message",
    ["", " ", "x" * (LONGEST_MESSAGE + 1), "Traceback (most recent call last)", "in model.py", "<X at 0x7f3a5c2b1d90>"],
)
def test_a_message_that_says_nothing_too_much_or_shows_the_server_is_unfit(message: str) -> None:
    assert message_fault(message)
    assert answer_fault(Answer(400, message=message), statuses={400})


def test_a_message_may_repeat_what_the_caller_sent() -> None:
    assert message_fault(f"[request id: {'x' * LONGEST_MESSAGE}] too large") is None
    assert message_fault("not an image (starts with '/opt/trit')", sent=b"/opt/tritonserver") is None
    assert message_fault("not an image (starts with '/opt/trit')", sent=b"/usr/tritonserver")


def test_a_status_that_was_not_expected_is_wrong_and_one_that_was_is_not() -> None:
    found = answer_fault(Answer(500, message="internal"), statuses={200, 400})
    assert found == "expected a status of [200, 400], got 500: internal"
    assert answer_fault(Answer(400, message="image[0]: empty"), statuses={200, 400}) is None
    assert answer_fault(Answer(200), statuses={200, 400}) is None


def test_the_report_counts_every_outcome_and_shows_what_was_wrong() -> None:
    tally = Tally()
    tally.add("200", fault=None, case=None, seconds=0.01)
    tally.add("500", fault="status 500", case=b"x", seconds=0.02)
    lines = report({"pictures": tally}).splitlines()
    assert lines[1].split() == ["pictures", "2", "1", "200,", "1", "500", "1", "20"]
    assert lines[2] == "pictures: status 500; the case: b'x'"


def test_the_report_names_the_case_that_cost_most() -> None:
    tally = Tally()
    tally.add("answered", fault=None, case="a slow one", seconds=0.5, megabytes=10)
    tally.add("answered", fault=None, case="a large one", seconds=0.1, megabytes=200)
    lines = report({"files": tally}).splitlines()
    assert lines[1].split()[-2:] == ["500", "200"]
    assert lines[2:] == ["files: the slowest: 'a slow one'", "files: the most memory: 'a large one'"]
