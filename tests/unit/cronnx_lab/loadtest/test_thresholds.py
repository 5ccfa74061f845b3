from __future__ import annotations

import json
import math

from cronnx_lab.loadtest.thresholds import ModelResult, Thresholds, Verdict, as_json, judge

LIMITS = Thresholds(max_error_rate=0.01, max_p95_ratio=10, max_p99_ratio=20, min_throughput=5)
GOOD = ModelResult(requests=100, answers={"toy/1": 90, "toy/2": 9}, p95_ms=100, p99_ms=200)


def missed(models: dict[str, ModelResult], *, thresholds: Thresholds = LIMITS, duration_s: float = 10) -> list[str]:
    """The sentences of the missed thresholds, for models with a baseline of 10 ms."""
    verdicts = judge(models, dict.fromkeys(["toy", *models], 10.0), duration_s=duration_s, thresholds=thresholds)
    return [verdict.sentence for verdict in verdicts if not verdict.holds]


def test_what_is_at_its_limit_holds() -> None:
    assert missed({"toy": GOOD}) == []


def test_too_many_failures_are_missed() -> None:
    assert missed({"toy": ModelResult(100, {"toy/1": 98}, 100, 200)}) == ["toy: 2 of 100 requests failed, limit 1.00%"]


def test_latencies_are_held_to_multiples_of_one_caller_alone() -> None:
    assert missed({"toy": ModelResult(100, {"toy/1": 100}, 101, 201)}) == [
        "toy: p95 101 ms, 10.1 times 10.0 ms of one user, limit 10",
        "toy: p99 201 ms, 20.1 times 10.0 ms of one user, limit 20",
    ]


def test_every_model_is_judged_by_itself() -> None:
    assert missed({"toy": GOOD, "slow": ModelResult(100, {"toy/1": 100}, 150, 150)}) == [
        "slow: p95 150 ms, 15.0 times 10.0 ms of one user, limit 10"
    ]


def test_the_throughput_is_that_of_all_models_together() -> None:
    few = ModelResult(30, {"toy/1": 30}, 10, 10)
    assert missed({"toy": few, "other": few}) == []
    assert missed({"toy": few}) == ["3.0 answers/s, limit 5.0"]


def test_without_a_floor_half_of_one_callers_throughput_is_expected() -> None:
    limits = Thresholds(max_error_rate=0, max_p95_ratio=10, max_p99_ratio=10)
    assert missed({"toy": ModelResult(500, {"toy/1": 500}, 10, 10)}, thresholds=limits) == []
    assert missed({"toy": ModelResult(499, {"toy/1": 499}, 10, 10)}, thresholds=limits) == [
        "49.9 answers/s, limit 50.0"
    ]


def test_a_model_that_was_never_asked_has_failed() -> None:
    limits = Thresholds(max_error_rate=0, max_p95_ratio=math.inf, max_p99_ratio=math.inf, min_throughput=0)
    assert missed({}, thresholds=limits, duration_s=0) == ["toy: 0 of 0 requests failed, limit 0.00%"]


def test_a_verdict_begins_with_whether_it_holds() -> None:
    assert [str(Verdict(True, "a")), str(Verdict(False, "b"))] == ["met     a", "MISSED  b"]


def test_a_report_has_what_each_model_did_and_every_verdict() -> None:
    models = {"toy": ModelResult(requests=3, answers={"toy/1": 2}, p95_ms=20.0, p99_ms=30.0)}
    assert json.loads(as_json(models, {"toy": 10.0}, [Verdict(False, "1 of 3")])) == {
        "models": {"toy": {"requests": 3, "answers": {"toy/1": 2}, "p95_ms": 20.0, "p99_ms": 30.0, "alone_ms": 10.0}},
        "verdicts": [{"holds": False, "sentence": "1 of 3"}],
    }
