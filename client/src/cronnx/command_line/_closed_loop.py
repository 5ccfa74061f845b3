"""A measurement in a closed loop: so many requests are under way all the time, each answer makes room for the next."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cronnx import Client
from cronnx.command_line._reachability import from_reachable


@dataclass(frozen=True)
class Measurement:
    """What a closed loop has seen.

    Attributes:
        concurrency: Requests under way at a time.
        images_per_s: Images answered a second.
        latencies_ms: The 50th, 95th and 99th percentile of the time an answer took, in ms; None where there was none.
        errors: Images that were not answered.
    """

    concurrency: int
    images_per_s: float
    latencies_ms: tuple[float, float, float] | None
    errors: int


def measure(
    client: Client,
    images: Sequence[bytes],
    *,
    concurrency: int,
    seconds: float,
    model_name: str,
    model_version: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> Measurement:
    """Send images for so many seconds, over and over, and wait for the last answer.

    Raises:
        ConnectionFailed: No server can be reached.
    """
    started_at = clock()
    outcomes = client.classify_many(
        itertools.takewhile(lambda _: clock() < started_at + seconds, itertools.cycle(images)),
        concurrency=concurrency,
        ordered=False,
        model_name=model_name,
        model_version=model_version,
    )
    latencies_s, errors = [], 0
    with contextlib.closing(outcomes):
        for outcome in from_reachable(outcomes):
            if outcome.error:
                errors += 1
            else:
                latencies_s.append(outcome.seconds)
    return Measurement(concurrency, len(latencies_s) / (clock() - started_at), _percentiles_ms(latencies_s), errors)


def _percentiles_ms(latencies_s: Sequence[float]) -> tuple[float, float, float] | None:
    if not latencies_s:
        return None
    p50, p95, p99 = (float(each) * 1000 for each in np.percentile(latencies_s, (50, 95, 99)))
    return p50, p95, p99
