"""Writes an ONNX graph node by node; every tensor is a name."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper, numpy_helper


class GraphBuilder:
    """Nodes and constants of a graph in the making.

    Attributes:
        opset: The version of ONNX's operators that the nodes are written for, 17 or newer.
        nodes: The nodes, in order.
        constants: The constants.
    """

    def __init__(self, prefix: str = "", *, opset: int = 17) -> None:
        """Start an empty graph whose names begin with `prefix`."""
        self.opset = opset
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._prefix = prefix

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        """Add a constant; its name."""
        name = f"{self._prefix}constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def ints(self, *values: int) -> str:
        """Add a constant INT64 [n]; its name."""
        return self.constant(values, np.int64)

    def op(self, op_type: str, *inputs: str, domain: str = "", to: str = "", **attributes: Any) -> str:  # noqa: ANN401
        """Add a node of one output; the name of its output, which is `to` if given."""
        (name,) = self.ops(op_type, *inputs, outputs=1, domain=domain, to=(to,) if to else (), **attributes)
        return name

    def cast(self, tensor: str, datatype: int, output: str = "") -> str:
        """Add a node that converts a tensor to `TensorProto.FLOAT` or another type; its output, `output` if given."""
        name = f"{self._prefix}Cast_{len(self.nodes)}"
        self.nodes.append(helper.make_node("Cast", [tensor], [output or f"{name}:0"], name=name, to=datatype))
        return output or f"{name}:0"

    def reduce(self, op_type: str, tensor: str, *axes: int, keepdims: int = 0) -> str:
        """Add a node such as `ReduceMax` over these axes; its output.

        The axes are an attribute up to opset 17, an input since; `ReduceSum` has had the input since opset 13.
        """
        if self.opset < 18 and op_type != "ReduceSum":
            return self.op(op_type, tensor, axes=axes, keepdims=keepdims)
        return self.op(op_type, tensor, self.ints(*axes), keepdims=keepdims)

    def ops(
        self,
        op_type: str,
        *inputs: str,
        outputs: int,
        domain: str = "",
        to: tuple[str, ...] = (),
        **attributes: Any,  # noqa: ANN401
    ) -> tuple[str, ...]:
        """Add a node of several outputs; their names."""
        node_name = f"{self._prefix}{op_type}_{len(self.nodes)}"
        names = to or tuple(f"{node_name}:{index}" for index in range(outputs))
        self.nodes.append(helper.make_node(op_type, inputs, names, name=node_name, domain=domain, **attributes))
        return names
