from __future__ import annotations

import pytest

from cronnx_lab.bench.plan import Plan
from cronnx_lab.measurement import Case, Measurement, StepTimes, measure_rounds
from tests.unit.cronnx_lab.bench.measured import measurement

CASES = Plan((1,), (1, 16), ("vga",)).cases()


class Recorder:
    """A contender that records its calls."""

    def __init__(self) -> None:
        self.asked: list[tuple[Case, float]] = []

    def measure(self, case: Case, *, seconds: float) -> Measurement:
        self.asked.append((case, seconds))
        return measurement(len(self.asked))


def run(count: int) -> tuple[Recorder, list[dict[Case, Measurement]]]:
    recorder = Recorder()
    contenders = dict.fromkeys(("in-process", "triton", "fastapi"), recorder)
    return recorder, list(measure_rounds(CASES, contenders, count=count, seconds=2.0))


def test_every_second_round_runs_backwards() -> None:
    recorder, _ = run(3)
    assert [case for case, _ in recorder.asked] == [*CASES, *reversed(CASES), *CASES]
    assert {seconds for _, seconds in recorder.asked} == {2.0}


def test_each_round_has_what_its_own_cases_gave() -> None:
    _, measured = run(2)
    assert [each[CASES[0]].images_per_s for each in measured] == [1, 2 * len(CASES)]
    assert all(set(each) == set(CASES) for each in measured)


def test_what_an_image_costs_is_shared_by_all_that_were_answered() -> None:
    measured = Measurement(3.0, (0.1,) * 6, 8, 0, 4.0, 0.8, 0)
    assert measured.cpu_s_per_image == 0.5
    assert measured.generator_cpu_s_per_image == pytest.approx(0.1)


def test_what_a_model_did_between_two_readings_is_their_difference() -> None:
    before, after = StepTimes(10, 3, 5.0, 1.0, 0.2, 3.0, 0.3), StepTimes(30, 8, 9.0, 2.0, 0.4, 5.0, 0.7)
    assert (after - before).requests == 20
    assert (after - before).milliseconds() == pytest.approx({"queue": 50, "compute": 100, "copy": 30})


def test_a_model_that_did_nothing_took_no_time() -> None:
    idle = StepTimes(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert idle.milliseconds() == {"queue": 0, "compute": 0, "copy": 0}


def test_times_of_several_periods_add_up() -> None:
    one = StepTimes(1, 1, 1.0, 0.25, 0.25, 0.25, 0.25)
    assert StepTimes.sum([one, one]) == StepTimes(2, 2, 2.0, 0.5, 0.5, 0.5, 0.5)
