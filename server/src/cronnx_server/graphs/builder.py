"""Writes an ONNX graph node by node; every tensor is a name."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper, numpy_helper


class GraphBuilder:
    """Nodes and constants of a graph in the making.

    Attributes:
        nodes: The nodes, in order.
        constants: The constants.
    """

    def __init__(self, prefix: str = "") -> None:
        """Start an empty graph whose names begin with `prefix`."""
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
