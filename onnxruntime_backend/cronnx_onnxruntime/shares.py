"""A batch cut into runs for a CPU's cores: whole requests, so that it is as if smaller batches had come."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import accumulate, pairwise

# What two images leave behind between two operators still fits a core's cache: docs/bench.md.
ROWS_A_RUN = 2

# More would help no network whose images are large enough to matter, and cost a small one dear.
RUNS_A_THREAD = 4


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def shares(sizes: Sequence[int], threads: int) -> list[slice]:
    """Cut a batch into runs of requests, of as equal sizes as whole requests allow.

    There is one for each thread, more where they would be larger than ROWS_A_RUN, at most RUNS_A_THREAD for each.

    Args:
        sizes: each request's rows.
        threads: how many runs are done at a time.
    """
    ends = [0, *accumulate(sizes)]
    count = min(max(threads, ends[-1] // ROWS_A_RUN), threads * RUNS_A_THREAD)
    targets = [ends[-1] * number / count for number in range(1, count)]
    nearest = {min(range(len(ends)), key=lambda cut: abs(ends[cut] - target)) for target in targets}
    return [slice(start, stop) for start, stop in pairwise(sorted({0, *nearest, len(sizes)}))]
