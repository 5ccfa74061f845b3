from __future__ import annotations

from threading import Barrier

import pytest

from cronnx_lab.errors import MeasurementError
from cronnx_lab.gpu.comparison import Plan, figures, measure
from cronnx_lab.measurement import Measurement


def measurement(images_per_s: float, *latencies_s: float, failed: int = 0) -> Measurement:
    return Measurement(images_per_s, latencies_s, len(latencies_s), failed, 1.0, 1.0, 1)


class FakeTarget:
    """A target that notes how it is loaded, and answers when all of its generators have begun."""

    def __init__(self, generators: int) -> None:
        self.loads: list[tuple[int, float]] = []
        self._all_begun = Barrier(generators, timeout=30.0)

    def measure(self, *, concurrency: int, seconds: float) -> Measurement:
        self._all_begun.wait()
        self.loads.append((concurrency, seconds))
        return measurement(100.0 * concurrency, 0.01)


@pytest.mark.parametrize(
    ("concurrency", "shares"), [(64, [16] * 4), (256, [64] * 4), (2, [1, 1]), (7, [1, 2, 2, 2]), (11, [2, 3, 3, 3])]
)
def test_a_load_is_shared_by_generators_that_work_at_once(concurrency: int, shares: list[int]) -> None:
    target = FakeTarget(len(shares))
    measured = measure(target, concurrency, 3.0)
    assert sorted(target.loads) == [(share, 3.0) for share in shares]
    assert sum(part.images_per_s for part in measured) == 100 * concurrency


def test_the_figures_are_those_of_all_generators_together() -> None:
    measured = [measurement(1000.4, 0.010, 0.012), measurement(2000.0, 0.011, 0.013, failed=3)]
    assert figures(measured) == ["3000", "11.5", "13.0", "3"]


def test_a_server_that_does_not_answer_has_no_figures() -> None:
    with pytest.raises(MeasurementError, match=r"^no request was answered"):
        figures([measurement(0.0)])


def test_the_steps_of_a_plan_name_its_models_and_loads() -> None:
    steps = list(Plan(["a", "b"], [64], 2.0, "").steps())
    assert steps[1] == "serve a, b on the CPU, decoded on the CPU, and ask about the 100 pictures"
    assert steps.count("measure each for 2 s with 64 requests in flight") == 2
