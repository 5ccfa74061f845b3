"""Requests to one batch and back, with no copy beyond the one a concatenation needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from cronnx_onnxruntime.errors import InferenceError

Array = npt.NDArray[Any]


def concatenate(arrays: Sequence[Array]) -> Array:
    """One array of all rows; a single request's array is passed on as it is, still a view of shared memory."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def split(outputs: Mapping[str, Array], sizes: Sequence[int]) -> Iterator[dict[str, Array]]:
    """Each request's rows of every output, in order, as views.

    Raises:
        InferenceError: an output has more or fewer rows than the requests together.
    """
    for name, array in outputs.items():
        if len(array) != sum(sizes):
            raise InferenceError(
                f"output '{name}' has {len(array)} rows for a batch of {sum(sizes)}: the graph does not batch",
                caller_at_fault=False,
            )
    for start, stop in pairwise(accumulate(sizes, initial=0)):
        yield {name: array[start:stop] for name, array in outputs.items()}
