"""A server that is offered three times what it can do: what it answers, and how it refuses the rest."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cronnx_lab.bench.results import Spread
from cronnx_lab.bench.targets import Verdict, at_least, at_most
from cronnx_lab.load.open_loop import Outcome
from cronnx_lab.load.target import Server
from cronnx_lab.measurement import WARM_UP_S, seen

TIMES = 3
CROWD = 64
"""Requests under way that show the peak: more than a batch of every step, less than any queue holds."""

ACCEPTED, REFUSED = 200, 503
LEAST_GOODPUT = 0.9
MOST_REFUSAL_S = 0.1


@dataclass(frozen=True)
class Overload:
    """One round: an overload between two peaks.

    Attributes:
        peaks_per_s: answers a second of a crowd that waits for its answers, before and after.
        offered_per_s: requests a second in between.
        seconds: for how long.
        outcome: what became of them.
    """

    peaks_per_s: tuple[float, float]
    offered_per_s: float
    seconds: float
    outcome: Outcome

    @property
    def peak_per_s(self) -> float:
        """Of both: a shared machine changes meanwhile."""
        return statistics.mean(self.peaks_per_s)

    @property
    def goodput(self) -> float:
        """Results a second, to those at the peak."""
        return self.goodput_per_s / self.peak_per_s

    @property
    def goodput_per_s(self) -> float:
        """Requests answered with a result a second, from the end of the warm-up on."""
        spans = [(sent, ended) for sent, ended, status in self.outcome.answers if status == ACCEPTED]
        return seen(spans, seconds=self.seconds - WARM_UP_S, drained=True).images_per_s

    def latencies_s(self, status: int) -> list[float]:
        """Of the requests that ended so."""
        return [ended - sent for sent, ended, found in self.outcome.answers if found == status]

    def count(self, status: int) -> int:
        """The requests that ended so."""
        return len(self.latencies_s(status))

    @property
    def failed(self) -> int:
        """Those that ended in neither a result nor a refusal."""
        return len(self.outcome.answers) - self.count(ACCEPTED) - self.count(REFUSED)


def measure(server: Server, *, peak_s: float, seconds: float, rounds: int) -> list[Overload]:
    """See the peak, offer `TIMES` as much for `seconds`, see the peak again, and so on.

    The speed of a shared machine changes within a minute by more than what is to be seen: docs/benchmarks/README.md.

    Raises:
        SetupError: the server cannot be reached or hangs up.
    """
    found: list[Overload] = []
    before = _peak_per_s(server, peak_s)
    for _ in range(rounds):
        outcome = server.open_loop(rate_per_s=TIMES * before, seconds=seconds)
        after = _peak_per_s(server, peak_s)
        found.append(Overload((before, after), TIMES * before, seconds, outcome))
        before = after
    return found


def _peak_per_s(server: Server, seconds: float) -> float:
    outcome = server.closed_loop(concurrency=CROWD, seconds=WARM_UP_S + seconds)
    return seen(outcome.spans, seconds=seconds, drained=True).images_per_s


def verdicts(rounds: Sequence[Overload], *, places: int) -> list[Verdict]:
    """Hold a run to what is promised.

    Args:
        rounds: the run.
        places: requests that the server can have at a time, so that the last one accepted waits for the others.
    """
    goodputs = [each.goodput for each in rounds]
    waits = [_p99_s(each) * each.goodput_per_s / places if each.count(ACCEPTED) else math.inf for each in rounds]
    slowest_s = max((latency_s for each in rounds for latency_s in each.latencies_s(REFUSED)), default=0.0)
    failed, unanswered = sum(each.failed for each in rounds), sum(each.outcome.unanswered for each in rounds)
    return [
        at_least("goodput", f"results/s at {TIMES} times the peak / at the peak", LEAST_GOODPUT, Spread.of(goodputs)),
        at_most(
            "p99", f"99th percentile of the results' latencies / time that {places} results take", 1, Spread.of(waits)
        ),
        Verdict(
            "refusal",
            "the slowest refusal, in ms",
            f"<= {1000 * MOST_REFUSAL_S:.0f}",
            f"{1000 * slowest_s:.0f}",
            slowest_s <= MOST_REFUSAL_S,
        ),
        Verdict("failed", "requests with neither result nor refusal", "0", str(failed), failed == 0),
        Verdict("hanging", "requests never answered", "0", str(unanswered), unanswered == 0),
    ]


def _p99_s(overload: Overload) -> float:
    return float(np.percentile(overload.latencies_s(ACCEPTED), 99))
