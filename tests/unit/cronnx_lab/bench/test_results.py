from __future__ import annotations

import json

import pytest

from cronnx_lab.bench.results import Results, images_per_s
from cronnx_lab.measurement import PERF_ANALYZER, TRITON, Case
from cronnx_lab.verdicts import Spread
from tests.unit.cronnx_lab.bench.measured import PLAN, measurement, results

BUSY = Case(TRITON, PERF_ANALYZER, 1, 16, "vga")


def test_a_spread_is_the_median_the_least_and_the_most() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_a_ratio_is_taken_within_each_round() -> None:
    """The second round is half as fast for all contenders, which must not change the ratio."""
    found = results(triton=90)
    ratio = found.ratio(BUSY, found.limit(1), images_per_s)
    assert (ratio.median, ratio.lowest, ratio.highest) == pytest.approx((0.9, 0.9, 0.9))


def test_percentiles_are_of_all_rounds_together() -> None:
    found = Results(PLAN, [{BUSY: measurement(99, latency_s=0.1)}, {BUSY: measurement(1, latency_s=0.9)}])
    assert found.percentile_s(BUSY, 50) == pytest.approx(0.1)
    assert found.percentile_s(BUSY, 100) == pytest.approx(0.9)


def test_the_limit_is_the_fastest_way_of_working_in_process() -> None:
    found = results()
    slow, fast, *_ = (case for case in PLAN.cases() if case.contender == "in-process" and case.concurrency > 1)
    for each in found.rounds:
        each[fast] = measurement(200)
        each[slow] = measurement(20)
    assert found.limit(1) == fast


def test_steps_are_those_of_the_ensemble_without_itself_and_added_up() -> None:
    steps = results().steps(BUSY)
    assert list(steps) == ["preprocess_224", "net_onnx"]
    assert steps["net_onnx"].requests == 20
    assert steps["net_onnx"].milliseconds() == pytest.approx({"queue": 20, "compute": 60, "copy": 20})


def test_the_raw_measurements_are_written_with_their_case() -> None:
    written = json.loads(results().to_json({"note": "a try"}))
    assert written["run"] == {"note": "a try"}
    assert [len(each) for each in written["rounds"]] == [len(PLAN.cases())] * 2
    first = written["rounds"][0][0]
    assert {"contender", "load", "concurrency", "latencies_s", "answered", "cpu_s", "steps"} <= first.keys()
