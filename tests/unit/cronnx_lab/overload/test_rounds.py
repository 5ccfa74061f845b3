from __future__ import annotations

import pytest

from cronnx_lab.load.answers import BROKEN, OK, REFUSED, Answers
from cronnx_lab.overload.rounds import Overload, verdicts

PEAK_PER_S, SECONDS = 100.0, 10.0


def overload(*, results_per_s: float = 95.0, result_s: float = 1.0, refusal_s: float = 0.01) -> Overload:
    """A run with evenly spaced answers."""
    answers = [
        (number / rate, number / rate + took_s, status)
        for rate, took_s, status in ((results_per_s, result_s, OK), (200.0, refusal_s, REFUSED))
        for number in range(int(rate * SECONDS))
    ]
    return Overload((90.0, 110.0), 3 * PEAK_PER_S, SECONDS, Answers(answers, 0, [], 1.0))


def missed(run: Overload, *, capacity: int = 200) -> list[str]:
    return [each.name for each in verdicts([run], capacity=capacity) if not each.holds]


def test_a_server_that_goes_on_at_its_peak_and_refuses_the_rest_at_once_holds_all() -> None:
    run = overload()
    assert run.peak_per_s == PEAK_PER_S
    assert run.goodput_per_s == pytest.approx(95, rel=0.06)
    assert missed(run) == []


@pytest.mark.parametrize(
    ("run", "name"),
    [
        (overload(results_per_s=80.0), "goodput"),
        (overload(result_s=2.5), "p99"),
        (overload(refusal_s=0.11), "refusal"),
    ],
    ids=["goodput", "p99", "refusal"],
)
def test_what_is_not_held_is_missed(run: Overload, name: str) -> None:
    assert name in missed(run)


def test_of_several_rounds_the_median_counts_and_every_refusal() -> None:
    rounds = [overload(results_per_s=80.0), overload(), overload(refusal_s=0.11), overload(result_s=2.5)]
    assert [each.name for each in verdicts(rounds, capacity=200) if not each.holds] == ["refusal"]


def test_what_breaks_and_what_hangs_is_missed() -> None:
    answers = [*overload().outcome.answers, (0.0, 1.0, BROKEN), (0.0, 1.0, 500)]
    run = Overload((90.0, 110.0), 300.0, SECONDS, Answers(answers, 3, [], 1.0))
    assert missed(run) == ["failed", "hanging"]
    assert [each.measured for each in verdicts([run], capacity=200)[3:]] == ["2", "3"]


def test_a_server_that_answers_nothing_is_judged_too() -> None:
    run = Overload((90.0, 110.0), 300.0, SECONDS, Answers([], 5, [], 1.0))
    assert missed(run) == ["goodput", "p99", "hanging"]
