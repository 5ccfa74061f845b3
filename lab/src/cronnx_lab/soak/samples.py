"""Samples of a server's memory and descriptors between slices of load, and the targets for their growth."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cronnx_lab.load.answers import OK
from cronnx_lab.load.target import Target
from cronnx_lab.verdicts import Verdict

MOST_GROWTH = 0.02


@dataclass(frozen=True)
class Sample:
    """The server after a slice of load, when no client is connected: what it uses then, it does not release.

    Attributes:
        requests: Requests sent so far.
        failed: Requests of the slice that failed.
        p50_s: The median latency of the slice, in seconds.
        p99_s: Its 99th percentile.
        own_bytes: Memory of the server's processes without files; each shared page counts once.
        shared_memory_bytes: The part of it that is shared memory.
        descriptors: Open file descriptors.
    """

    requests: int
    failed: int
    p50_s: float
    p99_s: float
    own_bytes: int
    shared_memory_bytes: int
    descriptors: int


def soak(
    target: Target, *, requests: int, concurrency: int, slice_s: float, on_sample: Callable[[Sample], None]
) -> list[Sample]:
    """Load a server slice by slice; Ctrl-C ends the load early.

    Args:
        target: The server.
        requests: The number of requests after which to end.
        concurrency: Requests in flight at a time.
        slice_s: The length of a slice, in seconds.
        on_sample: Takes each sample as soon as it is there.

    Raises:
        MeasurementError: The server exits or closes a connection.
    """
    samples: list[Sample] = []
    try:
        while not samples or samples[-1].requests < requests:
            before = samples[-1].requests if samples else 0
            samples.append(_slice(target, before, concurrency=concurrency, seconds=slice_s))
            on_sample(samples[-1])
    except KeyboardInterrupt:
        if not samples:
            raise
    return samples


def growth(samples: Sequence[Sample], quantity: Callable[[Sample], float]) -> float:
    """The relative growth of a quantity from the second to the last tenth of the requests, by medians."""
    return _median(samples, quantity, after=0.9) / _median(samples, quantity, after=0.1) - 1


def verdicts(samples: Sequence[Sample]) -> list[Verdict]:
    """Hold a soak to the targets."""
    memory = growth(samples, lambda each: each.own_bytes)
    descriptors = growth(samples, lambda each: each.descriptors)
    failed = sum(each.failed for each in samples)
    return [
        Verdict(
            "memory",
            f"growth of memory after the first tenth of {samples[-1].requests} requests",
            f"< {MOST_GROWTH:.0%}",
            f"{memory:+.2%}",
            memory < MOST_GROWTH,
        ),
        Verdict("descriptors", "growth of open descriptors, likewise", "<= 0", f"{descriptors:+.2%}", descriptors <= 0),
        Verdict("failed", "requests that failed", "0", str(failed), failed == 0),
    ]


def _slice(target: Target, before: int, *, concurrency: int, seconds: float) -> Sample:
    answers = target.closed_loop(concurrency=concurrency, seconds=seconds)
    p50_s, p99_s = np.percentile(answers.latencies_s(OK) or [np.nan], [50, 99])
    return Sample(
        requests=before + len(answers.answers),
        failed=len(answers.answers) - answers.count(OK),
        p50_s=float(p50_s),
        p99_s=float(p99_s),
        own_bytes=target.processes.own_bytes(),
        shared_memory_bytes=target.processes.shared_memory_bytes(),
        descriptors=target.processes.descriptors(),
    )


def _median(samples: Sequence[Sample], quantity: Callable[[Sample], float], *, after: float) -> float:
    """The median over the tenth of the requests that begins at `after`, a share of all; at least one sample."""
    total = samples[-1].requests
    past = [each for each in samples if each.requests > after * total]
    within = [each for each in past if each.requests <= (after + 0.1) * total] or past[:1]
    return statistics.median(map(quantity, within))
