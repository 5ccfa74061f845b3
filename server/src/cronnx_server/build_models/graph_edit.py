"""Edits of an ONNX graph: find nodes by what they do, put others beside them or in their place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from cronnx_server.build_models.torch_weights import Array


@dataclass(frozen=True)
class GraphEdit:
    """A model to be edited in place; its initializers are its constants."""

    model: ModelProto

    @classmethod
    def of(cls, model: ModelProto) -> GraphEdit:
        """A copy of a model, without the inferred shapes, which edits would make untrue."""
        copy = ModelProto()
        copy.CopyFrom(model)
        del copy.graph.value_info[:]
        return cls(copy)

    @property
    def graph(self) -> GraphProto:
        """The graph under edit."""
        return self.model.graph

    def path(self, tensor: str, operators: Sequence[str]) -> list[NodeProto]:
        """The nodes of these operators that follow `tensor`, each alone in taking what the last gives; else none."""
        nodes: list[NodeProto] = []
        for operator in operators:
            takers = [node for node in self.graph.node if tensor in node.input]
            if [node.op_type for node in takers] != [operator]:
                return []
            nodes += takers
            tensor = takers[0].output[0]
        return nodes

    def constants(self, names: Iterable[str]) -> list[Array]:
        """The values of these constants; none at all where one is computed."""
        known = {tensor.name: tensor for tensor in self.graph.initializer}
        tensors = [known.get(name) for name in names]
        return [] if None in tensors else [numpy_helper.to_array(tensor) for tensor in tensors if tensor]

    def set_constant(self, name: str, value: Array) -> str:
        """Give a constant, known or new, this value; its name."""
        self._drop({name})
        self.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def insert_before(self, node: NodeProto, new: NodeProto) -> None:
        """Put a node before another."""
        self.graph.node.insert(list(self.graph.node).index(node), new)

    def insert_after(self, node: NodeProto, new: Sequence[NodeProto]) -> None:
        """Put nodes behind another, in this order."""
        for place, inserted in enumerate(new, list(self.graph.node).index(node) + 1):
            self.graph.node.insert(place, inserted)

    def remove(self, nodes: Sequence[NodeProto]) -> None:
        """Take nodes out, and the constants that no other node takes."""
        taken = {name for node in nodes for name in node.input}
        for node in nodes:
            self.graph.node.remove(node)
        self._drop(taken - {name for node in self.graph.node for name in node.input})

    def _drop(self, names: set[str]) -> None:
        kept: list[TensorProto] = [tensor for tensor in self.graph.initializer if tensor.name not in names]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)
