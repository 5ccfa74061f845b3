"""Successive halving: all candidates get a few rounds, the better half of them twice as many more.

Source: Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", 2016. Every
round has all that are left take turns, and each is compared with the present settings of its own round, since a
machine's speed changes while one measures. The present settings stay to the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from cronnx_lab.measurement import Measurement

# By less than this, a gain is not worth other settings: it is in the spread of a repeated measurement.
WORTH_IT = 1.03

Round = Mapping[int, Measurement]
Measure = Callable[[Sequence[int], int], Sequence[Round]]


@dataclass(frozen=True)
class Standing:
    """What a candidate has shown over all of its rounds.

    Attributes:
        candidate: its number; 0 are the present settings.
        rounds: how many.
        images_per_s: the median.
        p50_s: of the latencies of all rounds.
        p99_s: likewise.
        cpu_s_per_image: the median of what an answer cost the server.
        ratio: to the present settings, in images a second of the same round: the median.
        failed: requests that got an error.
    """

    candidate: int
    rounds: int
    images_per_s: float
    p50_s: float
    p99_s: float
    cpu_s_per_image: float
    ratio: float
    failed: int


def halving(count: int, measure: Measure, *, rounds: int) -> list[Standing]:
    """Measure `count` candidates, the first of which are the present settings; where each stands, by number.

    Args:
        count: of candidates.
        measure: takes numbers of candidates and a count of rounds, and measures each of them in every round.
        rounds: that all candidates get; the better half gets twice as many more.
    """
    measured = list(measure(range(count), rounds))
    left = better_half(_standings(measured, range(count)))
    measured += measure(left, 2 * rounds)
    return _standings(measured, range(count))


def better_half(standings: Sequence[Standing]) -> list[int]:
    """The present settings, and of the others the better half without those that failed a request, by number."""
    _, *others = standings
    sound = sorted((each for each in others if not each.failed), key=lambda each: each.ratio, reverse=True)
    return [0, *sorted(each.candidate for each in sound[: kept(len(others))])]


def kept(others: int) -> int:
    """How many of the candidates beside the present settings stay."""
    return (others + 1) // 2


def legs(count: int) -> int:
    """How many legs a round that all of them get comes to, with those that follow from it."""
    return count + 2 * (1 + kept(count - 1))


def best(standings: Sequence[Standing]) -> Standing:
    """The fastest of those that stayed to the end, where it is worth a change; else the present settings."""
    present, *others = standings
    finalists = [each for each in others if each.rounds == present.rounds and not each.failed]
    fastest = max(finalists, key=lambda each: each.ratio, default=present)
    return fastest if fastest.ratio >= WORTH_IT else present


def _standings(measured: Sequence[Round], numbers: Sequence[int]) -> list[Standing]:
    return [_standing(number, [each for each in measured if number in each]) for number in numbers]


def _standing(number: int, measured: Sequence[Round]) -> Standing:
    own = [each[number] for each in measured]
    latencies_s = [latency_s for each in own for latency_s in each.latencies_s] or [np.nan]
    return Standing(
        candidate=number,
        rounds=len(own),
        images_per_s=median(each.images_per_s for each in own),
        p50_s=float(np.percentile(latencies_s, 50)),
        p99_s=float(np.percentile(latencies_s, 99)),
        cpu_s_per_image=median(each.cpu_s_per_image for each in own),
        ratio=median(each[number].images_per_s / (each[0].images_per_s or np.inf) for each in measured),
        failed=sum(each.failed for each in own),
    )
