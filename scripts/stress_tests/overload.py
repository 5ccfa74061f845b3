"""A server that is offered three times what it can do: what it answers, and how it refuses the rest."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

import numpy as np

from benchmarks.legs import WARM_UP_S, seen
from benchmarks.verdicts import Verdict
from stress_tests.open_loop import Outcome
from stress_tests.server import Server

TIMES = 3
CROWD = 64
"""Requests under way that show the peak: more than a batch of every step, less than any queue holds."""

ACCEPTED, REFUSED = 200, 503
LEAST_GOODPUT = 0.9
MOST_REFUSAL_S = 0.1


@dataclass(frozen=True)
class Overload:
    """What was measured.

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


def measure(server: Server, *, peak_s: float, seconds: float) -> Overload:
    """See the peak, offer `TIMES` as much for `seconds`, and see the peak again.

    Raises:
        SetupError: the server cannot be reached or hangs up.
    """
    before = _peak_per_s(server, peak_s)
    outcome = server.open_loop(rate_per_s=TIMES * before, seconds=seconds)
    return Overload((before, _peak_per_s(server, peak_s)), TIMES * before, seconds, outcome)


def _peak_per_s(server: Server, seconds: float) -> float:
    outcome = server.closed_loop(concurrency=CROWD, seconds=WARM_UP_S + seconds)
    return seen(outcome.spans, seconds=seconds, drained=True).images_per_s


def verdicts(overload: Overload, *, places: int) -> list[Verdict]:
    """Hold a run to what is promised.

    Args:
        overload: the run.
        places: requests that the server can have at a time, so that the last one accepted waits for the others.
    """
    goodput = overload.goodput_per_s / overload.peak_per_s
    bound_s = places / overload.peak_per_s
    latencies_s = overload.latencies_s(ACCEPTED)
    p99_s = float(np.percentile(latencies_s, 99)) if latencies_s else math.inf
    slowest_s = max(overload.latencies_s(REFUSED), default=0.0)
    unanswered = overload.outcome.unanswered
    return [
        Verdict(
            "goodput",
            f"results/s at {TIMES} times the peak / at the peak",
            f">= {LEAST_GOODPUT:.2f}",
            f"{goodput:.2f} ({overload.goodput_per_s:.1f} of {overload.peak_per_s:.1f})",
            goodput >= LEAST_GOODPUT,
        ),
        Verdict(
            "p99",
            f"99th percentile of the results' latencies, in ms; {places} requests have a place",
            f"<= {1000 * bound_s:.0f}",
            f"{1000 * p99_s:.0f}",
            p99_s <= bound_s,
        ),
        Verdict(
            "refusal",
            "the slowest refusal, in ms",
            f"<= {1000 * MOST_REFUSAL_S:.0f}",
            f"{1000 * slowest_s:.0f}",
            slowest_s <= MOST_REFUSAL_S,
        ),
        Verdict("failed", "requests with neither result nor refusal", "0", str(overload.failed), overload.failed == 0),
        Verdict("hanging", "requests never answered", "0", str(unanswered), unanswered == 0),
    ]
