"""A batch's requests shared out between the cores: whole requests, so that it is as if smaller batches had come."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import accumulate, pairwise


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def shares(sizes: Sequence[int], count: int) -> list[slice]:
    """Cut a batch into at most `count` runs of requests, of as equal sizes as whole requests allow.

    Args:
        sizes: each request's rows.
        count: how many runs there may be.
    """
    ends = [0, *accumulate(sizes)]
    targets = [ends[-1] * number / count for number in range(1, count)]
    nearest = {min(range(len(ends)), key=lambda cut: abs(ends[cut] - target)) for target in targets}
    return [slice(start, stop) for start, stop in pairwise(sorted({0, *nearest, len(sizes)}))]
