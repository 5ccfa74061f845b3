"""What a run measured: its answers by second, model and version, with a histogram of the latencies of each.

A histogram takes little memory however long the run is, and workers can send theirs to a master.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

BUCKET_RATIO = 1.01
"""The upper end of a bucket as a multiple of its lower end: a percentile is off by half a percent at most."""

SMALLEST_MS = 0.001


class Latencies:
    """A histogram of latencies."""

    def __init__(self, counts: Counter[int] | None = None) -> None:
        self._counts = counts or Counter()

    @classmethod
    def of(cls, latencies_ms: Iterable[float]) -> Latencies:
        """The histogram of some latencies."""
        return cls(Counter(map(bucket, latencies_ms)))

    @classmethod
    def sum(cls, histograms: Iterable[Latencies]) -> Latencies:
        """The histogram of several together."""
        counts = Counter[int]()
        for each in histograms:
            counts.update(each._counts)
        return cls(counts)

    def __len__(self) -> int:
        """The number of latencies."""
        return self._counts.total()

    def add(self, key: int, count: int = 1) -> None:
        """Count latencies of one bucket."""
        self._counts[key] += count

    def items(self) -> list[tuple[int, int]]:
        """The count of each bucket."""
        return list(self._counts.items())

    @property
    def median_ms(self) -> float:
        """The median; NaN if there are none."""
        return self.percentiles_ms(50)[0]

    def percentiles_ms(self, *percents: float) -> list[float]:
        """The latencies that these percentages of all do not exceed; NaN for each if there are none."""
        ordered, total = sorted(self._counts.items()), len(self)
        found = []
        for percent in percents:
            left = max(1, math.ceil(total * percent / 100))
            for key, count in ordered:
                left -= count
                if left <= 0:
                    found.append(BUCKET_RATIO**key)
                    break
            else:
                found.append(math.nan)
        return found


def bucket(latency_ms: float) -> int:
    """The bucket of a latency."""
    return round(math.log(max(latency_ms, SMALLEST_MS), BUCKET_RATIO))


@dataclass(frozen=True)
class ModelResult:
    """What one model did under load.

    Attributes:
        failures: The number of requests without an answer.
        answers: The latencies of the answers of each version, by its `served_by`.
    """

    failures: int = 0
    answers: dict[str, Latencies] = field(default_factory=dict)

    @property
    def latencies(self) -> Latencies:
        """The latencies of all answers."""
        return Latencies.sum(self.answers.values())

    @property
    def requests(self) -> int:
        """The number of requests that ended."""
        return self.failures + len(self.latencies)


@dataclass(frozen=True)
class Second:
    """What all models did in one second of a run.

    Attributes:
        failures: The number of requests that failed in it.
        latencies: The latencies of the requests that were answered in it.
    """

    failures: int
    latencies: Latencies


Version: TypeAlias = tuple[str, str]
"""A model and its version's `served_by`, which is empty for requests that failed."""


class Recording:
    """The answers of a run so far."""

    def __init__(self) -> None:
        self._seconds: dict[int, dict[Version, Latencies]] = {}
        self._duration_s = 0.0

    @property
    def duration_s(self) -> float:
        """The time from the start to the last answer."""
        return self._duration_s

    def add(self, model_name: str, served_by: str | None, *, latency_ms: float, at_s: float) -> None:
        """Record a request that ended.

        Args:
            model_name: The model that was asked.
            served_by: The version that answered; None if the request failed.
            latency_ms: Its latency.
            at_s: When it ended, in seconds since the start.
        """
        self._duration_s = max(self._duration_s, at_s)
        self._latencies(int(at_s), (model_name, served_by or "")).add(bucket(latency_ms))

    def take(self) -> list[tuple[int, str, str, int, int]]:
        """Remove what is recorded, and return it as a worker sends it to its master."""
        seconds, self._seconds = self._seconds, {}
        return [
            (second, *version, key, count)
            for second, versions in seconds.items()
            for version, latencies in versions.items()
            for key, count in latencies.items()
        ]

    def merge(self, taken: Iterable[tuple[int, str, str, int, int]]) -> None:
        """Add what a worker sent."""
        for second, model_name, served_by, key, count in taken:
            self._duration_s = max(self._duration_s, second + 1.0)
            self._latencies(second, (model_name, served_by)).add(key, count)

    def models(self) -> dict[str, ModelResult]:
        """The result of each model that was asked."""
        found: dict[str, ModelResult] = {}
        for version in sorted({version for versions in self._seconds.values() for version in versions}):
            latencies = Latencies.sum(each[version] for each in self._seconds.values() if version in each)
            name, served_by = version
            known = found.get(name, ModelResult())
            found[name] = (
                ModelResult(known.failures, {**known.answers, served_by: latencies})
                if served_by
                else ModelResult(len(latencies), known.answers)
            )
        return found

    def second(self, number: int) -> Second:
        """What all models did in one second of the run."""
        versions = self._seconds.get(number, {})
        failures = sum(len(latencies) for (_, served_by), latencies in versions.items() if not served_by)
        return Second(failures, Latencies.sum(each for (_, served_by), each in versions.items() if served_by))

    def _latencies(self, second: int, version: Version) -> Latencies:
        return self._seconds.setdefault(second, {}).setdefault(version, Latencies())
