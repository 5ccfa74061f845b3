"""Joins requests into a batch and splits its outputs. Only joining several requests copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from cronnx_onnxruntime.errors import InferenceError

Array = npt.NDArray[Any]


def concatenate(arrays: Sequence[Array]) -> Array:
    """Join the rows of several requests. The array of a single request is returned without a copy."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def split(outputs: Mapping[str, Array], sizes: Sequence[int]) -> Iterator[dict[str, Array]]:
    """The rows of each request in every output, in order, as views.

    Raises:
        InferenceError: An output has more or fewer rows than the requests together.
    """
    for name, array in outputs.items():
        if len(array) != sum(sizes):
            raise InferenceError(
                f"output '{name}': expected {sum(sizes)} rows, as many as in the batch, got {len(array)}; "
                "the graph does not batch",
                caller_at_fault=False,
            )
    for start, stop in pairwise(accumulate(sizes, initial=0)):
        yield {name: array[start:stop] for name, array in outputs.items()}
