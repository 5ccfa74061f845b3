"""What a model did between two readings of its statistics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cronnx import ModelStatistics


@dataclass(frozen=True)
class Rates:
    """One version of one model, over an interval; what is per request is None where none was answered.

    Attributes:
        name: The model's name.
        version: The version.
        inferences_per_s: Elements of batches.
        executions_per_s: Batches.
        average_batch: Elements in a batch.
        queue_us: Microseconds a request waited for the model.
        input_us: Microseconds its inputs took to prepare.
        infer_us: Microseconds it was in the model.
        output_us: Microseconds its outputs took.
        failures_per_s: Requests refused.
    """

    name: str
    version: str
    inferences_per_s: float
    executions_per_s: float
    average_batch: float | None
    queue_us: float | None
    input_us: float | None
    infer_us: float | None
    output_us: float | None
    failures_per_s: float


def rates(before: Iterable[ModelStatistics], after: Iterable[ModelStatistics], *, seconds: float) -> list[Rates]:
    """Compare two readings that lie so many seconds apart; gives the models of the second, by name and version."""
    earlier = {(each.name, each.version): each for each in before}
    later = sorted(after, key=lambda each: (each.name, each.version))
    return [_rates(earlier.get((each.name, each.version)), each, seconds) for each in later]


def _rates(before: ModelStatistics | None, after: ModelStatistics, seconds: float) -> Rates:
    def since(field: str) -> int:
        started_over = before is None or _requests(after) < _requests(before)  # it was loaded anew
        return int(getattr(after, field)) - (0 if started_over else int(getattr(before, field)))

    def per_request_us(field: str) -> float | None:
        answered = since("success_count")
        return since(field) / answered / 1000 if answered else None

    inferences, executions = since("inference_count"), since("execution_count")
    return Rates(
        name=after.name,
        version=after.version,
        inferences_per_s=inferences / seconds,
        executions_per_s=executions / seconds,
        average_batch=inferences / executions if executions else None,
        queue_us=per_request_us("queue_ns"),
        input_us=per_request_us("compute_input_ns"),
        infer_us=per_request_us("compute_infer_ns"),
        output_us=per_request_us("compute_output_ns"),
        failures_per_s=since("fail_count") / seconds,
    )


def _requests(statistics: ModelStatistics) -> int:
    return statistics.success_count + statistics.fail_count
