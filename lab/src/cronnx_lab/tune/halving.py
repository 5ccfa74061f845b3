"""Successive halving: all candidates get a few rounds, the better half of them twice as many more.

Source: Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", 2016. Each
candidate is compared with the present settings in the same round, because a machine's speed changes over time. The
present settings stay until the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

import numpy as np

from cronnx_lab.measurement import Measurement

# A smaller gain is within the spread of repeated measurements.
LEAST_GAIN = 1.03

Round: TypeAlias = Mapping[int, Measurement]
Measure: TypeAlias = Callable[[Sequence[int], int], Sequence[Round]]


@dataclass(frozen=True)
class Standing:
    """A candidate's figures over all of its rounds.

    Attributes:
        candidate: Its number; 0 is the present settings.
        rounds: The number of rounds.
        images_per_s: The median of images answered a second.
        p50_s: The median latency of all rounds together, in seconds.
        p99_s: The 99th percentile likewise.
        cpu_s_per_image: The median CPU time of the server for each answer.
        ratio: The median ratio to the present settings, in images a second of the same round.
        failed: Requests that were answered with an error.
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
    """Measure `count` candidates, of which the first is the present settings; their standings, by number.

    Args:
        count: The number of candidates.
        measure: Takes candidates' numbers and a count of rounds, and measures each of them in every round.
        rounds: The rounds of all candidates; the better half gets twice as many more.
    """
    measured = list(measure(range(count), rounds))
    finalists = better_half(_standings(measured, range(count)))
    measured += measure(finalists, 2 * rounds)
    return _standings(measured, range(count))


def better_half(standings: Sequence[Standing]) -> list[int]:
    """The present settings, and the better half of the others without those that failed a request, by number."""
    _, *others = standings
    sound = sorted((each for each in others if not each.failed), key=lambda each: each.ratio, reverse=True)
    return [0, *sorted(each.candidate for each in sound[: kept(len(others))])]


def kept(others: int) -> int:
    """How many candidates besides the present settings stay in."""
    return (others + 1) // 2


def cases_per_round(count: int) -> int:
    """The cases that each of the first rounds leads to, with those of the later rounds."""
    return count + 2 * (1 + kept(count - 1))


def best(standings: Sequence[Standing]) -> Standing:
    """The fastest finalist if its gain is worth a change, otherwise the present settings."""
    present, *others = standings
    finalists = [each for each in others if each.rounds == present.rounds and not each.failed]
    fastest = max(finalists, key=lambda each: each.ratio, default=present)
    return fastest if fastest.ratio >= LEAST_GAIN else present


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
