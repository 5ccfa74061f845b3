"""The measurements of a run: every case in every round."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import TypeAlias

import numpy as np

from cronnx_lab.bench import in_process_limit
from cronnx_lab.bench.plan import Plan
from cronnx_lab.measurement import Case, Measurement, Round, StepTimes
from cronnx_lab.verdicts import Spread

Quantity: TypeAlias = Callable[[Measurement], float]


class Results:
    """Measurements by round and case."""

    def __init__(self, plan: Plan, rounds: Sequence[Round]) -> None:
        """Keep the measurements of a plan."""
        self.plan, self.rounds = plan, rounds

    @property
    def cases(self) -> list[Case]:
        """The cases of every round."""
        return self.plan.cases()

    def spread(self, case: Case, quantity: Quantity) -> Spread:
        """A quantity over the rounds."""
        return Spread.of([quantity(each[case]) for each in self.rounds])

    def ratio(self, case: Case, other: Case, quantity: Quantity) -> Spread:
        """A quantity of one case divided by that of another, within each round."""
        return Spread.of([quantity(each[case]) / (quantity(each[other]) or np.inf) for each in self.rounds])

    def percentile_s(self, case: Case, percent: float) -> float:
        """A percentile of the latencies of all rounds together, in seconds; not a number without answers."""
        latencies_s = [latency for each in self.rounds for latency in each[case].latencies_s]
        return float(np.percentile(latencies_s, percent)) if latencies_s else float("nan")

    def total(self, case: Case, quantity: Quantity) -> float:
        """The sum of a quantity over the rounds."""
        return sum(quantity(each[case]) for each in self.rounds)

    def steps(self, case: Case) -> dict[str, StepTimes]:
        """What the steps of an ensemble, without the ensemble itself, did in all rounds together, by model."""
        _, *steps = self.rounds[0][case].steps
        return {step: StepTimes.sum(each[case].steps[step] for each in self.rounds) for step in steps}

    def limit(self, version: int) -> Case:
        """The in-process case with the most images a second."""
        cases = in_process_limit.saturated(version, self.plan.pictures[0])
        return max(cases, key=lambda case: self.spread(case, images_per_s).median)

    def to_json(self, run: Mapping[str, str]) -> str:
        """Facts about the run, and every measurement of every round."""
        rounds = [[{**asdict(case), **asdict(each[case])} for case in each] for each in self.rounds]
        return json.dumps({"run": dict(run), "rounds": rounds})


def images_per_s(measurement: Measurement) -> float:
    """Images answered a second."""
    return measurement.images_per_s


def cpu_s_per_image(measurement: Measurement) -> float:
    """CPU time of the contender for each answer."""
    return measurement.cpu_s_per_image


def generator_cpu_s_per_image(measurement: Measurement) -> float:
    """CPU time of the load generator for each answer."""
    return measurement.generator_cpu_s_per_image


def median_latency_s(measurement: Measurement) -> float:
    """The median latency in seconds; not a number without answers."""
    return median(measurement.latencies_s or (np.nan,))


def pss_bytes(measurement: Measurement) -> float:
    """Memory of the contender's processes."""
    return measurement.pss_bytes
