"""Where an ensemble's time goes, by Triton's own statistics.

Source: the statistics extension of Triton's HTTP protocol, `docs/protocol/extension_statistics.md` of its server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

Key = tuple[str, str]


@dataclass(frozen=True)
class StepTimes:
    """What a model has done; two of these differ by what it has done between.

    Attributes:
        requests: answered without an error.
        executions: of the model, each for a batch of them.
        total_s: the requests' time in the model, queue and copies included.
        queue_s: waiting for an instance.
        compute_input_s: copying inputs to the model.
        compute_infer_s: in the model.
        compute_output_s: copying outputs from it.
    """

    requests: int
    executions: int
    total_s: float
    queue_s: float
    compute_input_s: float
    compute_infer_s: float
    compute_output_s: float

    def __sub__(self, earlier: StepTimes) -> StepTimes:
        """What was done since."""
        return StepTimes(*(getattr(self, each.name) - getattr(earlier, each.name) for each in fields(self)))

    def milliseconds(self) -> dict[str, float]:
        """What a request spent where, on average, in ms."""
        per_request = 1000 / max(1, self.requests)
        return {
            "queue": self.queue_s * per_request,
            "compute": self.compute_infer_s * per_request,
            "copy": (self.compute_input_s + self.compute_output_s) * per_request,
        }


def sum_of(times: Iterable[StepTimes]) -> StepTimes:
    """What was done in several stretches of time together."""
    return StepTimes(*(sum(column) for column in zip(*map(astuple, times), strict=True)))


def read_statistics(answer: Mapping[str, Any]) -> dict[Key, StepTimes]:
    """Each model's statistics by name and version, from what `GET /v2/models/stats` answers."""
    return {(each["name"], each["version"]): _step_times(each) for each in answer["model_stats"]}


def _step_times(entry: Mapping[str, Any]) -> StepTimes:
    times = entry["inference_stats"]
    seconds = (
        times[name]["ns"] / 1e9 for name in ("success", "queue", "compute_input", "compute_infer", "compute_output")
    )
    return StepTimes(times["success"]["count"], entry["execution_count"], *seconds)
