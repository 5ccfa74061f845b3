"""What a run has measured: every leg over its rounds."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from cronnx_lab.bench import in_process_limit as in_process
from cronnx_lab.bench.plan import Plan
from cronnx_lab.bench.rounds import Round
from cronnx_lab.bench.step_times import StepTimes, sum_of
from cronnx_lab.measurement import Leg, Measurement

Quantity = Callable[[Measurement], float]


@dataclass(frozen=True)
class Spread:
    """A figure over the rounds: its median, and the least and the most."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        """The spread of one figure a round."""
        return cls(median(figures), min(figures), max(figures))


class Results:
    """Measurements by round and leg."""

    def __init__(self, plan: Plan, rounds: Sequence[Round]) -> None:
        """Keep them."""
        self.plan, self.rounds = plan, rounds

    @property
    def legs(self) -> list[Leg]:
        """What was measured in every round."""
        return self.plan.legs()

    def spread(self, leg: Leg, quantity: Quantity) -> Spread:
        """A quantity over the rounds."""
        return Spread.of([quantity(each[leg]) for each in self.rounds])

    def ratio(self, leg: Leg, other: Leg, quantity: Quantity) -> Spread:
        """A quantity of one leg over that of another, of the same round each time."""
        return Spread.of([quantity(each[leg]) / (quantity(each[other]) or np.inf) for each in self.rounds])

    def percentile_s(self, leg: Leg, percent: float) -> float:
        """A percentile of the latencies of all rounds together."""
        latencies_s = [latency for each in self.rounds for latency in each[leg].latencies_s]
        return float(np.percentile(latencies_s, percent)) if latencies_s else float("nan")

    def total(self, leg: Leg, quantity: Quantity) -> float:
        """The sum of a quantity over the rounds."""
        return sum(quantity(each[leg]) for each in self.rounds)

    def steps(self, leg: Leg) -> dict[str, StepTimes]:
        """What the steps of an ensemble did in all rounds together, by model; not the ensemble itself."""
        _, *steps = self.rounds[0][leg].steps
        return {step: sum_of(each[leg].steps[step] for each in self.rounds) for step in steps}

    def limit(self, version: int) -> Leg:
        """The way of working in-process that had the most images a second."""
        ways = in_process.crowded(version, self.plan.pictures[0])
        return max(ways, key=lambda leg: self.spread(leg, images_per_s).median)

    def to_json(self, run: dict[str, Any]) -> str:
        """Every measurement of every round, and what is to be known of the run."""
        rounds = [[{**asdict(leg), **asdict(each[leg])} for leg in each] for each in self.rounds]
        return json.dumps({"run": run, "rounds": rounds})


def images_per_s(measurement: Measurement) -> float:
    """Images answered a second."""
    return measurement.images_per_s


def cpu_s_per_image(measurement: Measurement) -> float:
    """CPU time an answer costs the contender."""
    return measurement.cpu_s_per_image


def generator_cpu_s_per_image(measurement: Measurement) -> float:
    """CPU time an answer costs who asks."""
    return measurement.generator_cpu_s_per_image


def median_latency_s(measurement: Measurement) -> float:
    """The median of the latencies of one round; not a number where nothing was answered."""
    return median(measurement.latencies_s or (np.nan,))


def pss_bytes(measurement: Measurement) -> float:
    """Memory of the contender's processes."""
    return measurement.pss_bytes
