from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from cronnx import ModelStatistics, StepInfo
from cronnx.playground import statistics
from cronnx.playground.statistics import RequestRates, StepTime, Times, times_between, times_since


def read(name: str, count: int, version: str = "1", *, ms: float = 1) -> ModelStatistics:
    """Statistics of requests that each took 1, 2, 3, 4 and 10 times so many milliseconds."""
    queue, inputs, infer, outputs, total = (round(count * ms * times * 1e6) for times in (1, 2, 3, 4, 10))
    return ModelStatistics(name, version, count, count, 0, count, total, 0, 0, queue, inputs, infer, outputs, {})


def rates_of(*readings: tuple[float, dict[str, int]]) -> list[dict[str, float]]:
    clock: Iterator[float] = iter([now for now, _ in readings])
    rates = RequestRates(clock=lambda: next(clock))
    found = [rates.after([read(name, count) for name, count in counts.items()]) for _, counts in readings]
    return [{name: rate for (name, _), rate in each.items()} for each in found]


def test_the_first_reading_has_no_rate() -> None:
    assert rates_of((5, {"a": 100})) == [{"a": 0}]


def test_a_rate_is_that_since_the_reading_before() -> None:
    assert rates_of((0, {"a": 10}), (2, {"a": 30}), (6, {"a": 30}))[1:] == [{"a": 10}, {"a": 0}]


def test_readings_within_a_second_share_a_rate() -> None:
    assert rates_of((0, {"a": 0}), (2, {"a": 8}), (2.5, {"a": 9}), (4, {"a": 10}))[1:] == [{"a": 4}, {"a": 4}, {"a": 1}]


def test_a_reload_sets_a_count_to_zero() -> None:
    assert rates_of((0, {"a": 10}), (2, {"a": 4, "b": 2}))[1] == {"a": 2, "b": 1}


PREPROCESS, NETWORK = StepInfo("preprocess", "-1"), StepInfo("net", "2")


def test_times_are_averages_over_the_requests_between_two_readings() -> None:
    before = [read("cats", 5), read("preprocess", 5), read("net", 5, "1", ms=9), read("net", 0, "2")]
    after = [read("cats", 7), read("preprocess", 7), read("net", 6, "1", ms=9), read("net", 2, "2", ms=3)]
    assert times_between(before, after, "cats", [PREPROCESS, NETWORK]) == Times(
        [StepTime("preprocess", 1, 9), StepTime("net", 3, 27)], 10
    )


def test_a_step_without_a_request_is_missing() -> None:
    before = [read("preprocess", 5), read("net", 5, "1")]
    after = [read("preprocess", 6), read("net", 6, "1")]
    assert times_between(before, after, "cats", [PREPROCESS, NETWORK]) == Times([StepTime("preprocess", 1, 9)], None)


def test_a_model_that_was_reloaded_counts_from_zero() -> None:
    assert times_between([read("net", 9, "2", ms=50)], [read("net", 1, "2")], "cats", [NETWORK]).steps == [
        StepTime("net", 1, 9)
    ]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []

    async def sleep(seconds: float) -> None:
        taken.append(seconds)

    monkeypatch.setattr(statistics.asyncio, "sleep", sleep)
    return taken


def since(*readings: list[ModelStatistics]) -> Times:
    left = list(readings)

    async def next_reading() -> list[ModelStatistics]:
        return left.pop(0) if len(left) > 1 else left[0]

    found: Any = asyncio.run(times_since([read("net", 0, "2")], next_reading, "cats", [NETWORK]))
    return found


def test_statistics_are_read_until_every_step_is_counted(pauses: list[float]) -> None:
    assert since([read("net", 0, "2")], [read("net", 0, "2")], [read("net", 1, "2")]).steps == [StepTime("net", 1, 9)]
    assert len(pauses) == 3


def test_a_step_that_is_never_counted_is_not_waited_for_longer_than_a_second(pauses: list[float]) -> None:
    assert since([]).steps == []
    assert 0.5 < sum(pauses) < 1
