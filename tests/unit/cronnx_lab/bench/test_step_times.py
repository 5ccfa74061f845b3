from __future__ import annotations

import pytest

from cronnx_lab.bench.step_times import StepTimes, read_statistics, sum_of

ENTRY = {
    "name": "net",
    "version": "2",
    "inference_count": 12,
    "execution_count": 3,
    "inference_stats": {
        "success": {"count": 10, "ns": 5_000_000_000},
        "fail": {"count": 2, "ns": 1},
        "queue": {"count": 10, "ns": 1_000_000_000},
        "compute_input": {"count": 10, "ns": 200_000_000},
        "compute_infer": {"count": 10, "ns": 3_000_000_000},
        "compute_output": {"count": 10, "ns": 300_000_000},
    },
}


def test_tritons_statistics_are_read_by_model_and_version() -> None:
    times = read_statistics({"model_stats": [ENTRY]})
    assert times == {("net", "2"): StepTimes(10, 3, 5.0, 1.0, 0.2, 3.0, 0.3)}


def test_what_was_done_between_two_readings_is_their_difference() -> None:
    before, after = StepTimes(10, 3, 5.0, 1.0, 0.2, 3.0, 0.3), StepTimes(30, 8, 9.0, 2.0, 0.4, 5.0, 0.7)
    assert (after - before).requests == 20
    assert (after - before).milliseconds() == pytest.approx({"queue": 50, "compute": 100, "copy": 30})


def test_nothing_done_took_no_time() -> None:
    idle = StepTimes(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert idle.milliseconds() == {"queue": 0, "compute": 0, "copy": 0}


def test_times_add_up() -> None:
    one = StepTimes(1, 1, 1.0, 0.25, 0.25, 0.25, 0.25)
    assert sum_of([one, one]) == StepTimes(2, 2, 2.0, 0.5, 0.5, 0.5, 0.5)
