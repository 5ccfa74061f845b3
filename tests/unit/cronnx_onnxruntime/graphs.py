"""Small ONNX graphs, as the bytes of their files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str] | None

TYPES = {
    "TYPE_BOOL": TensorProto.BOOL,
    "TYPE_UINT8": TensorProto.UINT8,
    "TYPE_UINT16": TensorProto.UINT16,
    "TYPE_UINT32": TensorProto.UINT32,
    "TYPE_UINT64": TensorProto.UINT64,
    "TYPE_INT8": TensorProto.INT8,
    "TYPE_INT16": TensorProto.INT16,
    "TYPE_INT32": TensorProto.INT32,
    "TYPE_INT64": TensorProto.INT64,
    "TYPE_FP16": TensorProto.FLOAT16,
    "TYPE_FP32": TensorProto.FLOAT,
    "TYPE_FP64": TensorProto.DOUBLE,
    "TYPE_STRING": TensorProto.STRING,
}


def tensor(name: str, shape: Shape, onnx_type: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """Describe an input or output of a graph."""
    return helper.make_tensor_value_info(name, onnx_type, shape)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    *,
    initializers: dict[str, npt.NDArray[Any]] | None = None,
) -> bytes:
    """A model of opset 17; an initializer that is also an input is a default."""
    constants = [numpy_helper.from_array(array, name) for name, array in (initializers or {}).items()]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, constants)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


def identity(shape: Shape = ("batch", 3), *, onnx_type: int = TensorProto.FLOAT) -> bytes:
    """`x` to `y`, unchanged."""
    return model(
        [helper.make_node("Identity", ["x"], ["y"])], [tensor("x", shape, onnx_type)], [tensor("y", shape, onnx_type)]
    )


def every_type(shape: Shape = ("batch", 4)) -> bytes:
    """An input `<type>_in` to an output `<type>_out`, unchanged, for every type that Triton supports."""
    return model(
        [helper.make_node("Identity", [f"{name}_in"], [f"{name}_out"]) for name in TYPES],
        [tensor(f"{name}_in", shape, onnx_type) for name, onnx_type in TYPES.items()],
        [tensor(f"{name}_out", shape, onnx_type) for name, onnx_type in TYPES.items()],
    )


def sum_and_difference(shape: Shape = ("batch", 3)) -> bytes:
    """`a` and `b` to `sum` and `difference`."""
    return model(
        [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Sub", ["a", "b"], ["difference"])],
        [tensor("a", shape), tensor("b", shape)],
        [tensor("sum", shape), tensor("difference", shape)],
    )


def with_default(shape: Shape = (3,)) -> bytes:
    """`x` and `offset`, which is 1 by default, to their sum `y`."""
    return model(
        [helper.make_node("Add", ["x", "offset"], ["y"])],
        [tensor("x", shape), tensor("offset", [1])],
        [tensor("y", shape)],
        initializers={"offset": np.ones(1, np.float32)},
    )


def total(shape: Shape = ("n",)) -> bytes:
    """`x` and the scalar `scale` to the scalar `y`, the sum of `x` times `scale`."""
    return model(
        [
            helper.make_node("ReduceSum", ["x"], ["summed"], keepdims=0),
            helper.make_node("Mul", ["summed", "scale"], ["y"]),
        ],
        [tensor("x", shape), tensor("scale", [])],
        [tensor("y", [])],
    )


def unlike_lengths() -> bytes:
    """Adds `a` and `b`, each of any length; fails if the lengths differ."""
    return model(
        [helper.make_node("Add", ["a", "b"], ["y"])],
        [tensor("a", ["batch", "n"]), tensor("b", ["batch", "m"])],
        [tensor("y", ["batch", "k"])],
    )


def non_zero() -> bytes:
    """Declares a batch, but gives a row for each element of `x` that is not 0."""
    return model(
        [
            helper.make_node("NonZero", ["x"], ["positions"]),
            helper.make_node("Transpose", ["positions"], ["y"], perm=[1, 0]),
        ],
        [tensor("x", ["batch", 3])],
        [tensor("y", ["found", 2], TensorProto.INT64)],
    )


def doubled_in_segments() -> bytes:
    """Ragged `x` to `y`, doubled; `ends` and `shapes` return the batch inputs unchanged."""
    passed = {"ends": (["requests"], TensorProto.INT32), "shapes": (["items", "rank"], TensorProto.FLOAT)}
    return model(
        [
            helper.make_node("Add", ["x", "x"], ["y"]),
            *(helper.make_node("Identity", [f"{name}_in"], [name]) for name in passed),
        ],
        [tensor("x", ["elements"]), *(tensor(f"{name}_in", *what) for name, what in passed.items())],
        [tensor("y", ["elements"]), *(tensor(name, *what) for name, what in passed.items())],
    )


def projected(size: int = 64) -> bytes:
    """`x` to `y` through a matrix and a softmax, whose rounding depends on the size of the batch."""
    weights = np.random.default_rng(seed=9).standard_normal((size, size), np.float32)
    return model(
        [helper.make_node("MatMul", ["x", "weights"], ["scores"]), helper.make_node("Softmax", ["scores"], ["y"])],
        [tensor("x", ["batch", size])],
        [tensor("y", ["batch", size])],
        initializers={"weights": weights},
    )
