"""ONNX graphs: the versions of ONNX that this project writes, the form its networks have, and edits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper, version_converter

from cronnx_server.graphs.structure import ONNX_DOMAINS

# Old enough for every supported release of Triton.
IR_VERSION = 8
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 2)]


def opset_of(model: ModelProto) -> int:
    """The version of ONNX's own operators in a graph."""
    return max((opset.version for opset in model.opset_import if opset.domain in ONNX_DOMAINS), default=1)


def set_dims(tensor: ValueInfoProto, dims: Sequence[str | int]) -> None:
    """Declare other dimensions for an input or output; a name stands for a variable dimension."""
    onnx_type = tensor.type.tensor_type.elem_type
    tensor.CopyFrom(helper.make_tensor_value_info(tensor.name, onnx_type, dims))


def standard_form(published: ModelProto) -> ModelProto:
    """A copy of a published network that declares a variable batch and has this project's opset or a newer one.

    A newer opset and its IR version stay: some operators have no older form.

    Args:
        published: A network with one input [N, …] and one output [N, …]; N may be fixed. Up to IR version 3 a file
            lists its initializers among its inputs (ONNX specification, IR.md); the copy does not.

    Raises:
        ValueError: The network has several inputs or outputs, or operators without a form in this project's opset.
    """
    model = ModelProto()
    model.CopyFrom(published)
    initializers = {initializer.name for initializer in model.graph.initializer}
    inputs = [tensor for tensor in model.graph.input if tensor.name not in initializers]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for tensor in (_only(model.graph.input, "input"), _only(model.graph.output, "output")):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    del model.graph.value_info[:]  # these shapes were inferred for the published batch
    model.ir_version = max(model.ir_version, IR_VERSION)
    return model if opset_of(model) > OPSETS[0].version else _converted(model)


def _only(tensors: Sequence[ValueInfoProto], kind: str) -> ValueInfoProto:
    if len(tensors) != 1 or not tensors[0].type.tensor_type.shape.dim:
        names = ", ".join(tensor.name for tensor in tensors)
        raise ValueError(f"expected one {kind} whose first dimension is the batch, got {len(tensors)} ({names})")
    return tensors[0]


def _converted(model: ModelProto) -> ModelProto:
    opset = OPSETS[0].version
    model.ir_version = IR_VERSION
    try:
        return version_converter.convert_version(model, opset)
    except RuntimeError as error:
        raise ValueError(f"the graph cannot be converted to opset {opset}: {error}") from error


@dataclass(frozen=True)
class GraphEdit:
    """A model that is edited in place; its constants are its initializers."""

    model: ModelProto

    @classmethod
    def of(cls, model: ModelProto) -> GraphEdit:
        """Copy a model for editing, without its inferred shapes, which edits invalidate."""
        copy = ModelProto()
        copy.CopyFrom(model)
        del copy.graph.value_info[:]
        return cls(copy)

    @property
    def graph(self) -> GraphProto:
        """The graph of the model."""
        return self.model.graph

    def path(self, tensor: str, operators: Sequence[str]) -> list[NodeProto]:
        """The chain of nodes with these operators that starts at `tensor`.

        Empty if the graph has another operator there, or if several nodes read the values of a tensor of the chain.
        """
        nodes: list[NodeProto] = []
        for operator in operators:
            consumers = [node for node in self.graph.node if tensor in node.input and node.op_type != "Shape"]
            if [node.op_type for node in consumers] != [operator]:
                return []
            nodes += consumers
            tensor = consumers[0].output[0]
        return nodes

    def constants(self, names: Iterable[str]) -> list[npt.NDArray[Any]]:
        """The values of these constants; empty if one of them is not a constant."""
        known = {tensor.name: tensor for tensor in self.graph.initializer}
        tensors = [known.get(name) for name in names]
        return [] if None in tensors else [numpy_helper.to_array(tensor) for tensor in tensors if tensor]

    def set_constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """Add or replace a constant; its name."""
        self._drop({name})
        self.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def insert_before(self, node: NodeProto, new: NodeProto) -> None:
        """Insert a node before another."""
        self.graph.node.insert(list(self.graph.node).index(node), new)

    def insert_after(self, node: NodeProto, new: Sequence[NodeProto]) -> None:
        """Insert nodes after another, in this order."""
        for index, inserted in enumerate(new, list(self.graph.node).index(node) + 1):
            self.graph.node.insert(index, inserted)

    def remove(self, nodes: Sequence[NodeProto]) -> None:
        """Remove nodes, and the constants that only they use."""
        names = {name for node in nodes for name in node.input}
        for node in nodes:
            self.graph.node.remove(node)
        self._drop(names - {name for node in self.graph.node for name in node.input})

    def _drop(self, names: set[str]) -> None:
        kept: list[TensorProto] = [tensor for tensor in self.graph.initializer if tensor.name not in names]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)
