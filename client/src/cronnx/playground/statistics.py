"""Requests a second and times by step, from the differences of Triton's statistics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from cronnx import ModelStatistics, StepInfo
from cronnx._models import NEWEST

Readings = Iterable[ModelStatistics]
"""The statistics of every loaded version, read at one time."""

_SHORTEST_S = 1.0
_PAUSES_S = (0.0, 0.01, 0.03, 0.1, 0.2, 0.3)
_COMPUTE = ("compute_input_ns", "compute_infer_ns", "compute_output_ns")


class RequestRates:
    """The requests a second of each loaded version, over the time between two readings of a second or more.

    Several pages may ask: they share the readings.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without a reading.

        Args:
            clock: Returns the time, in seconds.
        """
        self._clock = clock
        self._counts: dict[tuple[str, str], int] = {}
        self._read_at: float | None = None
        self._rates: dict[tuple[str, str], float] = {}

    def after(self, reading: Readings) -> dict[tuple[str, str], float]:
        """Return the requests a second, by name and version, up to a reading that was made now."""
        now = self._clock()
        seconds = None if self._read_at is None else now - self._read_at
        if seconds is not None and seconds < _SHORTEST_S:
            return self._rates
        counts = {(each.name, each.version): each.success_count for each in reading}
        self._rates = {
            version: _growth(self._counts.get(version, 0), count) / seconds if seconds else 0.0
            for version, count in counts.items()
        }
        self._counts, self._read_at = counts, now
        return self._rates


def _growth(before: int, after: int) -> int:
    """Return how much a count has grown; a reload of the model sets it to zero."""
    return after - before if before <= after else after


@dataclass(frozen=True)
class StepTime:
    """The time of a request in one step of an ensemble.

    Attributes:
        name: The step's model.
        queue_ms: The time in the model's queue, in milliseconds.
        compute_ms: The time for its inputs, its execution and its outputs, in milliseconds.
    """

    name: str
    queue_ms: float
    compute_ms: float


@dataclass(frozen=True)
class Times:
    """Where the time of a request went. Other requests of the time are averaged in.

    Attributes:
        steps: The steps, without those that the statistics do not count.
        server_ms: The time from the request's arrival at the server to its answer, in milliseconds; None if unknown.
    """

    steps: Sequence[StepTime] = ()
    server_ms: float | None = None


async def times_since(
    before: Readings, read: Callable[[], Awaitable[Readings]], model_name: str, steps: Sequence[StepInfo]
) -> Times:
    """Return where the time of an answered request went.

    Triton counts a step when its process is done with it, which for a router is half a second after the answer: the
    statistics are read until every step is counted.

    Args:
        before: The statistics before the request.
        read: Reads the statistics.
        model_name: The model that was asked.
        steps: Its steps, with the versions that ran; the model itself if it is no ensemble.
    """
    found = Times()
    for pause_s in _PAUSES_S:
        await asyncio.sleep(pause_s)
        found = times_between(before, await read(), model_name, steps)
        if len(found.steps) == len(steps):
            break
    return found


def times_between(before: Readings, after: Readings, model_name: str, steps: Iterable[StepInfo]) -> Times:
    """Return where the time of the requests between two readings went; see `times_since`."""
    earlier = {(each.name, each.version): each for each in before}
    spent = [_Spent(earlier.get((each.name, each.version)), each) for each in after]
    answered = [each for each in spent if each.requests]
    by_step = (next((each for each in answered if each.ran(step)), None) for step in steps)
    return Times(
        [
            StepTime(each.name, each.per_request_ms("queue_ns"), each.per_request_ms(*_COMPUTE))
            for each in by_step
            if each
        ],
        next((each.per_request_ms("success_ns") for each in answered if each.name == model_name), None),
    )


class _Spent:
    """What one version of a model did between two readings."""

    def __init__(self, before: ModelStatistics | None, after: ModelStatistics) -> None:
        was_reloaded = before is None or before.success_count > after.success_count
        self._before, self._after = None if was_reloaded else before, after
        self.name = after.name
        self.requests = self._since("success_count")

    def ran(self, step: StepInfo) -> bool:
        return self.name == step.model_name and step.model_version in (NEWEST, self._after.version)

    def per_request_ms(self, *fields: str) -> float:
        return sum(map(self._since, fields)) / self.requests / 1e6

    def _since(self, field: str) -> int:
        return int(getattr(self._after, field)) - (int(getattr(self._before, field)) if self._before else 0)
