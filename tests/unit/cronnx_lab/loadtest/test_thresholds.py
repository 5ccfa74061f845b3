from __future__ import annotations

import math
from itertools import count

import pytest

from cronnx_lab.errors import MeasurementError
from cronnx_lab.loadtest.connections import Answer
from cronnx_lab.loadtest.recording import Latencies, ModelResult
from cronnx_lab.loadtest.requests import ImageRequest, RequestSource
from cronnx_lab.loadtest.thresholds import Thresholds, judge, measure_baseline

LIMITS = Thresholds(max_error_rate=0.01, max_p99_ms=210, max_p95_ratio=10.1, max_p99_ratio=20.1, min_throughput=5)


def result(*latencies_ms: float, failures: int = 0) -> ModelResult:
    return ModelResult(failures, {"toy/1": Latencies.of(latencies_ms)})


GOOD = result(*[50.0] * 94, *[100.0] * 4, 200.0, 200.0, failures=1)


def missed(models: dict[str, ModelResult], *, thresholds: Thresholds = LIMITS, duration_s: float = 10) -> list[str]:
    """The thresholds missed by models with a baseline of 10 ms, and the figures."""
    baseline = dict.fromkeys(["toy", *models], Latencies.of([10.0]))
    verdicts = judge(models, baseline, duration_s=duration_s, thresholds=thresholds)
    return [f"{each.what} {each.target}, got {each.measured}" for each in verdicts if not each.holds]


def test_what_is_at_its_limit_holds() -> None:
    assert missed({"toy": GOOD}) == []


def test_too_many_failures_are_missed() -> None:
    assert missed({"toy": result(*[10.0] * 98, failures=2)}) == ["toy: failed requests <= 1.00%, got 2 of 100"]


def test_latencies_are_held_to_multiples_of_one_caller_alone_and_to_milliseconds() -> None:
    assert missed({"toy": result(*[250.0] * 100)}) == [
        "toy: p99 latency in ms <= 210, got 250.2",
        "toy: p95 / median of one user <= 10.1, got 25.1",
        "toy: p99 / median of one user <= 20.1, got 25.1",
    ]


def test_every_model_is_judged_by_itself() -> None:
    assert missed({"toy": GOOD, "slow": result(*[150.0] * 100)}) == ["slow: p95 / median of one user <= 10.1, got 15.1"]


def test_the_throughput_is_that_of_all_models_together() -> None:
    few = result(*[10.0] * 30)
    assert missed({"toy": few, "other": few}) == []
    assert missed({"toy": few}) == ["answers/s >= 5.0, got 3.0"]


def test_without_a_floor_three_quarters_of_one_callers_throughput_are_expected() -> None:
    limits = Thresholds(max_error_rate=0, max_p99_ms=10.1, max_p95_ratio=10, max_p99_ratio=10)
    assert missed({"toy": result(*[10.0] * 755)}, thresholds=limits) == []
    assert missed({"toy": result(*[10.0] * 740)}, thresholds=limits) == ["answers/s >= 75.3, got 74.0"]


def test_a_model_that_was_never_asked_has_failed() -> None:
    limits = Thresholds(0, math.inf, math.inf, math.inf, min_throughput=0)
    assert missed({}, thresholds=limits, duration_s=0) == ["toy: failed requests <= 0.00%, got 0 of 0"]


class Server:
    """A connection whose answers take as long on its own clock as the test says."""

    def __init__(self, latency_s: float, *, error: Exception | None = None) -> None:
        self.now_s = 0.0
        self.requests: list[ImageRequest] = []
        self._latency_s, self._error = latency_s, error

    def send(self, request: ImageRequest) -> Answer:
        self.requests.append(request)
        self.now_s += self._latency_s
        return Answer(1000 * self._latency_s, served_by="toy/1", error=self._error)

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(("latency_s", "requests"), [(0.01, 50), (0.2, 25), (1.0, 5), (3.0, 5)])
def test_the_baseline_takes_fewer_requests_of_a_slow_model(latency_s: float, requests: int) -> None:
    server, source = Server(latency_s), RequestSource(["toy"], [b"image"], with_user_ids=False)
    baseline = measure_baseline(server, source, clock=lambda: server.now_s)
    assert len(baseline["toy"]) == len(server.requests) == pytest.approx(requests, abs=1)
    assert baseline["toy"].median_ms == pytest.approx(1000 * latency_s, rel=0.005)


def test_a_model_that_fails_for_one_user_is_not_put_under_load() -> None:
    source = RequestSource(["toy"], [b"image"], with_user_ids=False)
    with pytest.raises(MeasurementError, match="'toy' does not answer: broken"):
        measure_baseline(Server(0.01, error=ValueError("broken")), source, clock=iter(count()).__next__)
