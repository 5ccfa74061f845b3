"""The thresholds of a run, and whether it met them.

Latencies are judged as multiples of a baseline: the median latency of one user, measured on the same server just
before. So the same thresholds suit a laptop and a GPU. If a server answered requests strictly one after another, the
latency under load would be the number of users times the baseline.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain

from cronnx_lab.errors import MeasurementError
from cronnx_lab.loadtest.connections import Connection
from cronnx_lab.loadtest.requests import RequestSource

BASELINE_REQUESTS = 50


@dataclass(frozen=True)
class Thresholds:
    """The limits of a run.

    Attributes:
        max_error_rate: The largest share of failed requests, 0 to 1.
        max_p95_ratio: The largest 95th percentile of the latency, as a multiple of the baseline.
        max_p99_ratio: The largest 99th percentile of the latency, as a multiple of the baseline.
        min_throughput: The smallest number of answers per second; None for half of what one user gets.
    """

    max_error_rate: float
    max_p95_ratio: float
    max_p99_ratio: float
    min_throughput: float | None = None


@dataclass(frozen=True)
class ModelResult:
    """What one model did under load.

    Attributes:
        requests: The number of requests sent to it.
        answers: The number of answers of each arm, by its `served_by`.
        p95_ms: The 95th percentile of the answers' latencies.
        p99_ms: The 99th percentile of the answers' latencies.
    """

    requests: int
    answers: Mapping[str, int]
    p95_ms: float
    p99_ms: float

    @property
    def failures(self) -> int:
        """The number of requests without an answer."""
        return self.requests - sum(self.answers.values())


NOT_ASKED = ModelResult(0, {}, 0.0, 0.0)


@dataclass(frozen=True)
class Verdict:
    """One threshold, and whether the run met it."""

    holds: bool
    sentence: str

    def __str__(self) -> str:
        return f"{'met   ' if self.holds else 'MISSED'}  {self.sentence}"


def measure_baseline(connection: Connection, source: RequestSource) -> dict[str, float]:
    """Measure the median latency of one user, in ms, by model: `BASELINE_REQUESTS` requests, one after another.

    Raises:
        MeasurementError: A request failed.
    """
    return {name: _median_ms(connection, source, name) for name in source.models}


def _median_ms(connection: Connection, source: RequestSource, model_name: str) -> float:
    answers = []
    for _ in range(BASELINE_REQUESTS):
        answers.append(connection.send(source.draw(model_name)))
        if error := answers[-1].error:
            raise MeasurementError(f"'{model_name}' does not answer: {error}") from error
    return statistics.median(answer.latency_ms for answer in answers)


def judge(
    models: Mapping[str, ModelResult],
    baseline_ms: Mapping[str, float],
    *,
    duration_s: float,
    thresholds: Thresholds,
) -> list[Verdict]:
    """Judge a run: one verdict for each model and threshold, and one for the throughput.

    Args:
        models: The result of each model; a model that is missing was not asked.
        baseline_ms: The median latency of one user, by model. These are the models to judge.
        duration_s: The time from the start to the last answer.
        thresholds: The limits.
    """
    of_models = (
        _judge_model(name, models.get(name, NOT_ASKED), median_ms, thresholds)
        for name, median_ms in baseline_ms.items()
    )
    return [*chain.from_iterable(of_models), _judge_throughput(models, baseline_ms, duration_s, thresholds)]


def _judge_model(name: str, result: ModelResult, baseline_ms: float, thresholds: Thresholds) -> Iterator[Verdict]:
    rate = result.failures / result.requests if result.requests else 1.0
    yield Verdict(
        rate <= thresholds.max_error_rate,
        f"{name}: {result.failures} of {result.requests} requests failed, limit {thresholds.max_error_rate:.2%}",
    )
    if not result.answers:
        return
    for percentile, latency_ms, limit in (
        ("p95", result.p95_ms, thresholds.max_p95_ratio),
        ("p99", result.p99_ms, thresholds.max_p99_ratio),
    ):
        ratio = latency_ms / baseline_ms
        sentence = (
            f"{percentile} {latency_ms:.0f} ms, {ratio:.1f} times {baseline_ms:.1f} ms of one user, limit {limit:g}"
        )
        yield Verdict(ratio <= limit, f"{name}: {sentence}")


def _judge_throughput(
    models: Mapping[str, ModelResult], baseline_ms: Mapping[str, float], duration_s: float, thresholds: Thresholds
) -> Verdict:
    floor = thresholds.min_throughput
    if floor is None:  # half of what one user gets who asks the models one after another
        floor = 0.5 * 1000 * len(baseline_ms) / sum(baseline_ms.values())
    answers = sum(sum(each.answers.values()) for each in models.values())
    throughput = answers / duration_s if answers else 0.0
    return Verdict(throughput >= floor, f"{throughput:.1f} answers/s, limit {floor:.1f}")


def as_json(models: Mapping[str, ModelResult], baseline_ms: Mapping[str, float], verdicts: Sequence[Verdict]) -> bytes:
    """A run as JSON: the result and the baseline of each model, latencies in ms, and every verdict."""
    described = {name: {**asdict(each), "alone_ms": baseline_ms[name]} for name, each in models.items()}
    report = {"models": described, "verdicts": [asdict(verdict) for verdict in verdicts]}
    return json.dumps(report, indent=2).encode()
