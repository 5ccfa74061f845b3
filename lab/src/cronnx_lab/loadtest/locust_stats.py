"""What a run measured, from Locust's statistics.

Locust counts the answers of each model and arm in a row `MODEL SERVED_BY`, and failures in a row `MODEL`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from locust.stats import RequestStats, StatsEntry

from cronnx_lab.loadtest.connections import Answer
from cronnx_lab.loadtest.thresholds import ModelResult


@dataclass(frozen=True)
class RunResult:
    """What a run measured.

    Attributes:
        models: The result of each model that was asked.
        duration_s: The time from the start to the last answer, as in Locust's own rates.
    """

    models: Mapping[str, ModelResult]
    duration_s: float


def row_name(model_name: str, answer: Answer) -> str:
    """The name of the row in which Locust counts an answer."""
    return f"{model_name} {answer.served_by}" if answer.served_by else model_name


def read_stats(stats: RequestStats) -> RunResult:
    """Read Locust's statistics; the arms of a model count together."""
    by_model: dict[str, list[StatsEntry]] = {}
    for entry in stats.entries.values():
        by_model.setdefault(entry.name.partition(" ")[0], []).append(entry)
    models = {name: _model_result(stats, entries) for name, entries in by_model.items()}
    return RunResult(models, float((stats.last_request_timestamp or stats.start_time) - stats.start_time))


def _model_result(stats: RequestStats, entries: Sequence[StatsEntry]) -> ModelResult:
    by_arm = {arm: entry for entry in entries if (arm := entry.name.partition(" ")[2])}
    answered = StatsEntry(stats, "", "")
    for entry in by_arm.values():
        answered.extend(entry)
    return ModelResult(
        requests=sum(entry.num_requests for entry in entries),
        answers={arm: entry.num_requests for arm, entry in by_arm.items()},
        p95_ms=answered.get_response_time_percentile(0.95),
        p99_ms=answered.get_response_time_percentile(0.99),
    )
