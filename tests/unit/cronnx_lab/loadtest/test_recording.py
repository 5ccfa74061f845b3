from __future__ import annotations

import json
import math

import pytest

from cronnx_lab.loadtest.recording import Latencies, Recording


def recorded() -> Recording:
    """Two versions of one model, and a failure of another."""
    recording = Recording()
    for at_s, model, served_by, latency_ms in (
        (0.5, "toy", "toy/1", 10.0),
        (0.9, "toy", "toy/2", 20.0),
        (1.5, "toy", "toy/1", 30.0),
        (2.5, "other", None, 5.0),
    ):
        recording.add(model, served_by, latency_ms=latency_ms, at_s=at_s)
    return recording


def test_a_percentile_is_within_half_a_percent_of_a_latency_that_was_measured() -> None:
    latencies = Latencies.of(range(1, 1001))
    assert latencies.percentiles_ms(0, 50, 95, 99, 100) == pytest.approx([1, 500, 950, 990, 1000], rel=0.005)
    assert latencies.median_ms == pytest.approx(500, rel=0.005)


def test_latencies_of_microseconds_are_told_apart() -> None:
    assert Latencies.of([0.014]).median_ms == pytest.approx(0.014, rel=0.005)
    assert Latencies.of([0.0]).median_ms == pytest.approx(0.001, rel=0.005)


def test_without_answers_there_is_no_percentile() -> None:
    assert math.isnan(Latencies().median_ms)


def test_answers_count_by_model_and_version_and_failures_by_model() -> None:
    models = recorded().models()
    assert {name: (each.requests, each.failures) for name, each in models.items()} == {"toy": (3, 0), "other": (1, 1)}
    assert {arm: len(each) for arm, each in models["toy"].answers.items()} == {"toy/1": 2, "toy/2": 1}
    assert models["toy"].latencies.median_ms == pytest.approx(20, rel=0.005)


def test_each_second_has_what_ended_in_it() -> None:
    seconds = [recorded().second(number) for number in range(4)]
    assert [(len(each.latencies), each.failures) for each in seconds] == [(2, 0), (1, 0), (0, 1), (0, 0)]
    assert recorded().duration_s == 2.5


def test_a_master_has_what_its_workers_sent_once() -> None:
    master, worker = Recording(), recorded()
    for sent in (worker.take(), worker.take()):
        master.merge(json.loads(json.dumps(sent)))
    assert {name: each.requests for name, each in master.models().items()} == {"toy": 3, "other": 1}
    assert master.duration_s == 3
    assert worker.models() == {}
