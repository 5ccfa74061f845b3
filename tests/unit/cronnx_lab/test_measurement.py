from __future__ import annotations

from cronnx_lab.bench.plan import Plan
from cronnx_lab.bench.rounds import rounds
from cronnx_lab.measurement import Leg, Measurement
from tests.unit.cronnx_lab.bench.measured import measurement

LEGS = Plan((1,), (1, 16), ("vga",)).legs()


class Recorder:
    """A contender that notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Leg, float]] = []

    def measure(self, leg: Leg, *, seconds: float) -> Measurement:
        self.asked.append((leg, seconds))
        return measurement(len(self.asked))


def run(count: int) -> tuple[Recorder, list[dict[Leg, Measurement]]]:
    recorder = Recorder()
    contenders = dict.fromkeys(("in-process", "triton", "fastapi"), recorder)
    return recorder, list(rounds(LEGS, contenders, count=count, seconds=2.0))


def test_every_second_round_runs_backwards() -> None:
    recorder, _ = run(3)
    assert [leg for leg, _ in recorder.asked] == [*LEGS, *reversed(LEGS), *LEGS]
    assert {seconds for _, seconds in recorder.asked} == {2.0}


def test_each_round_has_what_its_own_legs_gave() -> None:
    _, measured = run(2)
    assert [each[LEGS[0]].images_per_s for each in measured] == [1, 2 * len(LEGS)]
    assert all(set(each) == set(LEGS) for each in measured)
