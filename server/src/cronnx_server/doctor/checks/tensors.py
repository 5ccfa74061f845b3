"""Inputs and outputs as configurations declare them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tritonclient.grpc.model_config_pb2 import DataType


class Tensor(Protocol):
    """What `ModelInput`, `ModelOutput` and `ModelWarmup.Input` of model_config.proto share."""

    data_type: int
    dims: Sequence[int]


ELEMENT_BYTES = {
    "TYPE_BOOL": 1,
    "TYPE_UINT8": 1,
    "TYPE_INT8": 1,
    "TYPE_UINT16": 2,
    "TYPE_INT16": 2,
    "TYPE_FP16": 2,
    "TYPE_BF16": 2,
    "TYPE_UINT32": 4,
    "TYPE_INT32": 4,
    "TYPE_FP32": 4,
    "TYPE_UINT64": 8,
    "TYPE_INT64": 8,
    "TYPE_FP64": 8,
}


def shape(tensor: Tensor) -> str:
    """A tensor's type and dims, as a configuration writes them."""
    return f"{DataType.Name(tensor.data_type)} {list(tensor.dims)}"


def element_count(dims: Sequence[int]) -> int:
    """How many elements `dims` have, at least: a dim of any size counts as one."""
    count = 1
    for dim in dims:
        count *= max(dim, 1)
    return count


def at_least_bytes(tensor: Tensor) -> int:
    """The size of one element of a batch; of strings, which have any size, none is counted."""
    return element_count(tensor.dims) * ELEMENT_BYTES.get(DataType.Name(tensor.data_type), 0)
