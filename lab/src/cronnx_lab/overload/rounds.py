"""Rounds in which a server gets three times the requests that it can answer, and the targets for its behaviour."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cronnx_lab.load.answers import OK, REFUSED, WARM_UP_S, Answers, speed
from cronnx_lab.load.target import Target
from cronnx_lab.verdicts import Spread, Verdict, at_least, at_most
from cronnx_preprocess import Options
from cronnx_server import repository
from cronnx_server.model_config import instance_count
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY

FACTOR = 3
PEAK_CONCURRENCY = 64
"""Enough to fill a batch of every step, and less than any queue holds."""

LEAST_GOODPUT = 0.9
MOST_REFUSAL_S = 0.1


@dataclass(frozen=True)
class Overload:
    """One round: an overload between two measurements of the peak.

    Attributes:
        peaks_per_s: The peak before and after: answers a second to callers that wait for them.
        offered_per_s: Requests sent a second during the overload.
        seconds: The length of the overload.
        outcome: The answers to these requests.
    """

    peaks_per_s: tuple[float, float]
    offered_per_s: float
    seconds: float
    outcome: Answers

    @property
    def peak_per_s(self) -> float:
        """The mean of both peaks, because the speed of a shared machine changes."""
        return statistics.mean(self.peaks_per_s)

    @property
    def goodput_per_s(self) -> float:
        """Results a second, after the warm-up."""
        return speed(self.outcome.spans(OK), seconds=self.seconds - WARM_UP_S, drained=True).images_per_s

    @property
    def goodput(self) -> float:
        """Results a second as a share of the peak."""
        return self.goodput_per_s / self.peak_per_s

    @property
    def failed(self) -> int:
        """Requests that ended in neither a result nor a refusal."""
        return len(self.outcome.answers) - self.outcome.count(OK) - self.outcome.count(REFUSED)


def measure(target: Target, *, peak_s: float, seconds: float, rounds: int) -> list[Overload]:
    """Measure the peak, overload the server, measure the peak again, and so on.

    The rounds are short because the speed of a shared machine changes within a minute.

    Args:
        target: The server.
        peak_s: The length of each measurement of the peak.
        seconds: The length of each overload.
        rounds: The number of overloads.

    Raises:
        MeasurementError: The server cannot be reached or closes a connection.
    """
    found: list[Overload] = []
    before = _peak_per_s(target, peak_s)
    for _ in range(rounds):
        outcome = target.open_loop(rate_per_s=FACTOR * before, seconds=seconds)
        after = _peak_per_s(target, peak_s)
        found.append(Overload((before, after), FACTOR * before, seconds, outcome))
        before = after
    return found


def capacity(model: str) -> int:
    """The number of requests that an ensemble can hold, queued and running.

    Only `preprocess` has a queue; a later step holds what the step before it hands over, one batch at a time.

    Raises:
        RepositoryError: The configuration of a step cannot be read.
    """
    held = handed_over = 0
    for step in repository.steps(repository.read_config(ENSEMBLES / model)):
        config = repository.read_config(MODEL_REPOSITORY / step)
        model_config = repository.as_json(config)
        if config.backend == "preprocess":
            held += Options.from_model_config(model_config).max_queue_size
        held += handed_over + instance_count(model_config) * config.max_batch_size
        handed_over = config.max_batch_size
    return held


def verdicts(rounds: Sequence[Overload], *, capacity: int) -> list[Verdict]:
    """Hold the rounds to the targets.

    Args:
        rounds: What was measured.
        capacity: The requests that the server can hold: the last one accepted waits for all others.
    """
    goodputs = Spread.of([each.goodput for each in rounds])
    waits = Spread.of([_wait(each, capacity) for each in rounds])
    refusals_s = [latency_s for each in rounds for latency_s in each.outcome.latencies_without_delay_s(REFUSED)]
    slowest_s = max(refusals_s, default=0.0)
    failed, unanswered = sum(each.failed for each in rounds), sum(each.outcome.unanswered for each in rounds)
    return [
        at_least("goodput", f"results/s at {FACTOR} times the peak / at the peak", LEAST_GOODPUT, goodputs),
        at_most("p99", f"99th percentile of the results' latencies / time that {capacity} results take", 1, waits),
        Verdict(
            "refusal",
            "the slowest refusal, in ms, without the generator's own delay",
            f"<= {1000 * MOST_REFUSAL_S:.0f}",
            f"{1000 * slowest_s:.0f}",
            slowest_s <= MOST_REFUSAL_S,
        ),
        Verdict("failed", "requests with neither result nor refusal", "0", str(failed), failed == 0),
        Verdict("hanging", "requests never answered", "0", str(unanswered), unanswered == 0),
    ]


def _peak_per_s(target: Target, seconds: float) -> float:
    answers = target.closed_loop(concurrency=PEAK_CONCURRENCY, seconds=WARM_UP_S + seconds)
    return speed(answers.spans(OK), seconds=seconds, drained=True).images_per_s


def _wait(overload: Overload, capacity: int) -> float:
    """The 99th percentile of the results' latencies as a multiple of the time that a full server needs."""
    latencies_s = overload.outcome.latencies_s(OK)
    return float(np.percentile(latencies_s, 99)) * overload.goodput_per_s / capacity if latencies_s else math.inf
