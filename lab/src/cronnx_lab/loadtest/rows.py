"""The rows of Locust's statistics: one a model and arm, `MODEL SERVED_BY`, and `MODEL` alone for what failed."""

from __future__ import annotations

from collections.abc import Sequence

from locust.stats import RequestStats, StatsEntry

from cronnx_lab.loadtest.callers import Outcome
from cronnx_lab.loadtest.thresholds import Seen


def row(model_name: str, outcome: Outcome) -> str:
    """The row that an outcome is counted in."""
    return f"{model_name} {outcome.served_by}" if outcome.served_by else model_name


def seen(stats: RequestStats) -> dict[str, Seen]:
    """What each model has done, all its arms together."""
    by_model: dict[str, list[StatsEntry]] = {}
    for entry in stats.entries.values():
        by_model.setdefault(entry.name.partition(" ")[0], []).append(entry)
    return {name: _together(stats, entries) for name, entries in by_model.items()}


def duration_s(stats: RequestStats) -> float:
    """From the start to the last answer, as in Locust's own rates."""
    return float((stats.last_request_timestamp or stats.start_time) - stats.start_time)


def _together(stats: RequestStats, entries: Sequence[StatsEntry]) -> Seen:
    by_arm = {arm: entry for entry in entries if (arm := entry.name.partition(" ")[2])}
    answered = StatsEntry(stats, "", "")
    for entry in by_arm.values():
        answered.extend(entry)
    return Seen(
        requests=sum(entry.num_requests for entry in entries),
        answers={arm: entry.num_requests for arm, entry in by_arm.items()},
        p95_ms=answered.get_response_time_percentile(0.95),
        p99_ms=answered.get_response_time_percentile(0.99),
    )
