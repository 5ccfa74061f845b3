"""Cuts a batch between requests into runs for the cores of a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from cronnx_onnxruntime.cores import usable_cores

# The tensors between operators of two images still fit a core's cache: docs/bench.md.
ROWS_A_RUN = 2

# More runs do not make large networks faster, and make small ones much slower.
RUNS_A_THREAD = 4


def cores() -> int:
    """The number of cores that this process may use."""
    return usable_cores()


def shares(sizes: Sequence[int], threads: int) -> list[slice]:
    """Cut a batch into runs of whole requests with about equal numbers of rows.

    Each thread gets one run, or up to RUNS_A_THREAD if runs would have more than ROWS_A_RUN rows.

    Args:
        sizes: The number of rows of each request.
        threads: The number of runs at a time.

    Returns:
        The requests of each run.
    """
    ends = [0, *accumulate(sizes)]
    count = min(max(threads, ends[-1] // ROWS_A_RUN), threads * RUNS_A_THREAD)
    targets = [ends[-1] * number / count for number in range(1, count)]
    nearest = {min(range(len(ends)), key=lambda cut: abs(ends[cut] - target)) for target in targets}
    return [slice(start, stop) for start, stop in pairwise(sorted({0, *nearest, len(sizes)}))]
