"""The thresholds of a run, and whether it met them.

A latency is judged twice: in milliseconds, because a caller waits that long, and as a multiple of the baseline, the
median latency of one user, which is measured on the same server just before. If a server answered requests strictly
one after another, the latency under load would be the number of users times the baseline.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from cronnx_lab.errors import MeasurementError
from cronnx_lab.loadtest.connections import Connection
from cronnx_lab.loadtest.recording import Latencies, ModelResult
from cronnx_lab.loadtest.requests import RequestSource
from cronnx_lab.verdicts import Verdict

BASELINE_REQUESTS, LEAST_BASELINE_REQUESTS, BASELINE_S = 50, 5, 5.0

LEAST_OF_ONE_USER = 0.75
"""Answers per second as a share of those of one user. A server that works on one request at a time reaches 1."""

Baseline: TypeAlias = Mapping[str, Latencies]
"""The latencies of one user, by model."""


@dataclass(frozen=True)
class Thresholds:
    """The limits of a run.

    Attributes:
        max_error_rate: The largest share of failed requests, 0 to 1.
        max_p99_ms: The largest 99th percentile of the latency, in milliseconds.
        max_p95_ratio: The largest 95th percentile of the latency, as a multiple of the baseline.
        max_p99_ratio: The largest 99th percentile of the latency, as a multiple of the baseline.
        min_throughput: The smallest number of answers per second; None for `LEAST_OF_ONE_USER` of what one user gets.
    """

    max_error_rate: float
    max_p99_ms: float
    max_p95_ratio: float
    max_p99_ratio: float
    min_throughput: float | None = None


def measure_baseline(
    connection: Connection, source: RequestSource, clock: Callable[[], float] = time.monotonic
) -> dict[str, Latencies]:
    """Measure the latencies of one user by model: `BASELINE_REQUESTS` requests, fewer if they take over `BASELINE_S`.

    Raises:
        MeasurementError: A request failed.
    """
    return {name: _one_user(connection, source, name, clock) for name in source.models}


def _one_user(connection: Connection, source: RequestSource, model_name: str, clock: Callable[[], float]) -> Latencies:
    latencies_ms: list[float] = []
    ends_at = clock() + BASELINE_S
    while len(latencies_ms) < LEAST_BASELINE_REQUESTS or (len(latencies_ms) < BASELINE_REQUESTS and clock() < ends_at):
        answer = connection.send(source.draw(model_name))
        if answer.error:
            raise MeasurementError(f"'{model_name}' does not answer: {answer.error}") from answer.error
        latencies_ms.append(answer.latency_ms)
    return Latencies.of(latencies_ms)


def judge(
    models: Mapping[str, ModelResult], baseline: Baseline, *, duration_s: float, thresholds: Thresholds
) -> list[Verdict]:
    """Judge a run: one verdict for each model and threshold, and one for the throughput.

    Args:
        models: The result of each model; a model that is missing was not asked.
        baseline: The latencies of one user, by model. These are the models to judge.
        duration_s: The time from the start to the last answer.
        thresholds: The limits.
    """
    of_models = (
        _judge_model(name, models.get(name, ModelResult()), latencies.median_ms, thresholds)
        for name, latencies in baseline.items()
    )
    return [*chain.from_iterable(of_models), _judge_throughput(models, baseline, duration_s, thresholds)]


def _judge_model(model_name: str, result: ModelResult, one_user_ms: float, limits: Thresholds) -> Iterator[Verdict]:
    rate = result.failures / result.requests if result.requests else 1.0
    yield Verdict(
        "failed",
        f"{model_name}: failed requests",
        f"<= {limits.max_error_rate:.2%}",
        f"{result.failures} of {result.requests}",
        rate <= limits.max_error_rate,
    )
    if not result.answers:
        return
    p95_ms, p99_ms = result.latencies.percentiles_ms(95, 99)
    for name, what, limit, measured in (
        ("p99_ms", "p99 latency in ms", limits.max_p99_ms, p99_ms),
        ("p95_ratio", "p95 / median of one user", limits.max_p95_ratio, p95_ms / one_user_ms),
        ("p99_ratio", "p99 / median of one user", limits.max_p99_ratio, p99_ms / one_user_ms),
    ):
        yield Verdict(name, f"{model_name}: {what}", f"<= {limit:g}", f"{measured:.1f}", measured <= limit)


def _judge_throughput(
    models: Mapping[str, ModelResult], baseline: Baseline, duration_s: float, limits: Thresholds
) -> Verdict:
    least = limits.min_throughput
    if least is None:  # one user asks the models one after another
        least = LEAST_OF_ONE_USER * 1000 * len(baseline) / sum(each.median_ms for each in baseline.values())
    answers = sum(len(each.latencies) for each in models.values())
    throughput = answers / duration_s if answers else 0.0
    return Verdict("throughput", "answers/s", f">= {least:.1f}", f"{throughput:.1f}", throughput >= least)
