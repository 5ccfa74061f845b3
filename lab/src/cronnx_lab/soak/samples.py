"""A server under load for a long time: whether what it takes of the machine stays what it was."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cronnx_lab.bench.targets import Verdict
from cronnx_lab.load.target import Server

MOST_GROWTH = 0.02


@dataclass(frozen=True)
class Sample:
    """The server between two slices of load, when nobody is connected: what is left then, is kept.

    Attributes:
        requests: sent so far.
        failed: of those of the last slice.
        p50_s: the median latency of the last slice.
        p99_s: its 99th percentile.
        pss_bytes: memory of the server's processes, a shared page counted once.
        shared_memory_bytes: of that, what is shared memory.
        descriptors: their open files, sockets and the like.
    """

    requests: int
    failed: int
    p50_s: float
    p99_s: float
    pss_bytes: int
    shared_memory_bytes: int
    descriptors: int


def soak(
    server: Server, *, requests: int, concurrency: int, slice_s: float, tell: Callable[[Sample], None]
) -> list[Sample]:
    """Load a server, a slice of seconds after the other, until it has had so many requests; Ctrl-C ends it earlier.

    Raises:
        SetupError: the server has ended or hangs up.
    """
    samples: list[Sample] = []
    try:
        while not samples or samples[-1].requests < requests:
            before = samples[-1].requests if samples else 0
            samples.append(_slice(server, before, concurrency=concurrency, seconds=slice_s))
            tell(samples[-1])
    except KeyboardInterrupt:
        if not samples:
            raise
    return samples


def _slice(server: Server, before: int, *, concurrency: int, seconds: float) -> Sample:
    outcome = server.closed_loop(concurrency=concurrency, seconds=seconds)
    latencies_s = [end - start for start, end in outcome.spans] or [np.nan]
    p50_s, p99_s = np.percentile(latencies_s, [50, 99])
    return Sample(
        requests=before + len(outcome.spans) + outcome.failed,
        failed=outcome.failed,
        p50_s=float(p50_s),
        p99_s=float(p99_s),
        pss_bytes=server.family.pss_bytes(),
        shared_memory_bytes=server.family.shared_memory_bytes(),
        descriptors=server.family.descriptors(),
    )


def growth(samples: Sequence[Sample], quantity: Callable[[Sample], float]) -> float:
    """By how much, as a share, the last tenth of the requests found more than the second one: medians of each."""
    return _median(samples, quantity, after=0.9) / _median(samples, quantity, after=0.1) - 1


def _median(samples: Sequence[Sample], quantity: Callable[[Sample], float], *, after: float) -> float:
    """Of the tenth of the requests that follows `after`, a share of all; of the first sample past it at least."""
    total = samples[-1].requests
    past = [each for each in samples if each.requests > after * total]
    within = [each for each in past if each.requests <= (after + 0.1) * total] or past[:1]
    return statistics.median(map(quantity, within))


def verdicts(samples: Sequence[Sample]) -> list[Verdict]:
    """Hold a soak to what is promised."""
    memory = growth(samples, lambda each: each.pss_bytes)
    descriptors = growth(samples, lambda each: each.descriptors)
    failed = sum(each.failed for each in samples)
    return [
        Verdict(
            "memory",
            f"memory grown after the first tenth of {samples[-1].requests} requests",
            f"< {MOST_GROWTH:.0%}",
            f"{memory:+.2%}",
            memory < MOST_GROWTH,
        ),
        Verdict("descriptors", "descriptors likewise", "<= 0", f"{descriptors:+.2%}", descriptors <= 0),
        Verdict("failed", "requests that failed", "0", str(failed), failed == 0),
    ]
