"""Cuts a batch into runs for the cores of a CPU."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

# The tensors between operators of two images still fit a core's cache: docs/bench.md.
ROWS_A_RUN = 2

# More runs do not make large networks faster, and make small ones much slower.
RUNS_A_THREAD = 4

Run = list[tuple[int, slice]]
"""What a run computes: requests of the batch by number, and the rows of each."""


def shares(sizes: Sequence[int], threads: int) -> list[Run]:
    """Cut a batch into runs with about equal numbers of rows, also within a request.

    Each thread gets one run, or up to RUNS_A_THREAD if runs would have more than ROWS_A_RUN rows: all threads get as
    many, the longer ones first, so that they end at about the same time. A request alone with fewer rows than threads
    stays whole, for a run that all threads share.

    Args:
        sizes: The number of rows of each request.
        threads: The number of runs at a time.
    """
    ends = [0, *accumulate(max(1, size) for size in sizes)]  # an empty request is answered too
    rows = ends[-1]
    count = threads * min(max(1, math.ceil(rows / (threads * ROWS_A_RUN))), RUNS_A_THREAD)
    if len(sizes) == 1 and rows < threads:
        count = 1
    cuts = sorted({math.ceil(rows * number / count) for number in range(count + 1)})
    return [_run(ends, start, stop) for start, stop in pairwise(cuts)]


def _run(ends: Sequence[int], start: int, stop: int) -> Run:
    """The rows from `start` to `stop` of the batch, by request."""
    return [
        (index, slice(max(start - first, 0), min(stop, last) - first))
        for index, (first, last) in enumerate(pairwise(ends))
        if first < stop and start < last
    ]
