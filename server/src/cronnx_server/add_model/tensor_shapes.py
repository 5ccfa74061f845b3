"""The shapes a graph declares for its inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import ValueInfoProto, helper


def set_dims(tensor: ValueInfoProto, dims: Sequence[str | int]) -> None:
    """Declare other dimensions for an input or output; a name stands for one that varies."""
    onnx_type = tensor.type.tensor_type.elem_type
    tensor.CopyFrom(helper.make_tensor_value_info(tensor.name, onnx_type, dims))
