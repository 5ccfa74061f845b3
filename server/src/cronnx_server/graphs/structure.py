"""The structure of a graph: self-contained, sorted, and no larger than its outputs need."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, inliner, numpy_helper

from cronnx_server.errors import ModelFileError

ONNX_DOMAINS = {"", "ai.onnx"}


def self_contained(model: ModelProto) -> ModelProto:
    """A copy of a graph without local functions, sorted, whose constants are all initializers and no inputs.

    Raises:
        ModelFileError: The graph has a cycle, or reads a tensor that nothing makes.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    if copy.functions:
        copy = inliner.inline_local_functions(copy, convert_version=True)
    for node in copy.graph.node:
        if node.domain in ONNX_DOMAINS:
            node.domain = ""
    _lift_constants(copy.graph)
    constants = {tensor.name for tensor in copy.graph.initializer}
    # Up to IR version 3, a file lists its initializers among its inputs.
    _replace(copy.graph.input, [tensor for tensor in copy.graph.input if tensor.name not in constants])
    _replace(copy.graph.node, _sorted(copy.graph))
    return copy


def extract(model: ModelProto, outputs: Sequence[str]) -> None:
    """Reduce a sorted graph in place to what these tensors need; they become its outputs, in this order.

    Inputs and constants that nothing reads any more are removed, and so are inferred shapes.
    """
    graph, declared = model.graph, {tensor.name: tensor for tensor in model.graph.output}
    needed, nodes = set(outputs), []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(reads(node))
    _replace(graph.node, nodes[::-1])
    _replace(graph.input, [tensor for tensor in graph.input if tensor.name in needed])
    _replace(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in needed])
    _replace(graph.output, [declared.get(name) or ValueInfoProto(name=name) for name in outputs])
    del graph.value_info[:]
    domains = {node.domain for node in _all_nodes(graph)} | {""}
    _replace(model.opset_import, [opset for opset in model.opset_import if _domain(opset.domain) in domains])


def reads(node: NodeProto) -> set[str]:
    """The names of the tensors that a node reads, in its subgraphs too."""
    names = {name for name in node.input if name}
    for graph in _subgraphs(node):
        made = {each.name for each in graph.input} | {each.name for each in graph.initializer}
        for inner in graph.node:
            names |= reads(inner) - made
            made.update(inner.output)
        names |= {tensor.name for tensor in graph.output} - made
    return names


def rename(graph: GraphProto, name: str, to: str) -> None:
    """Give a tensor another name where it is made and read; inputs and outputs of the graph keep theirs."""
    for node in graph.node:
        for names in (node.input, node.output):
            for index, old in enumerate(names):
                if old == name:
                    names[index] = to
        for subgraph in _subgraphs(node):
            rename(subgraph, name, to)
            for tensor in subgraph.output:
                tensor.name = to if tensor.name == name else tensor.name
    for constant in graph.initializer:
        constant.name = to if constant.name == name else constant.name


def producers(graph: GraphProto) -> dict[str, NodeProto]:
    """The node that makes each tensor."""
    return {name: node for node in graph.node for name in node.output if name}


def ancestors(graph: GraphProto, names: Collection[str], *, until: Collection[str] = ()) -> set[str]:
    """These tensors of a sorted graph and all that they are computed from, except what `until` is computed from."""
    needed = set(names)
    for node in reversed(graph.node):
        if (needed - set(until)).intersection(node.output):
            needed.update(reads(node))
    return needed


def operators(model: ModelProto) -> set[tuple[str, str]]:
    """The (domain, type) of every operator of a graph, in subgraphs too."""
    return {(node.domain, node.op_type) for node in _all_nodes(model.graph)}


def _all_nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for subgraph in _subgraphs(node):
            yield from _all_nodes(subgraph)


def _subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _lift_constants(graph: GraphProto) -> None:
    """Turn the nodes that are constants into initializers."""
    nodes = []
    for node in graph.node:
        tensor = _constant(node)
        if tensor is None:
            nodes.append(node)
        else:
            graph.initializer.append(tensor)
    _replace(graph.node, nodes)


def _constant(node: NodeProto) -> TensorProto | None:
    if node.op_type != "Constant" or node.domain or not node.attribute:
        return None
    attribute, name = node.attribute[0], node.output[0]
    if attribute.name == "value":
        tensor = TensorProto()
        tensor.CopyFrom(attribute.t)
        tensor.name = name
        return tensor
    dtypes = {"value_int": np.int64, "value_ints": np.int64, "value_float": np.float32, "value_floats": np.float32}
    if attribute.name not in dtypes:
        return None
    value = np.asarray(helper.get_attribute_value(attribute), dtypes[attribute.name])
    return numpy_helper.from_array(value, name)


def _sorted(graph: GraphProto) -> list[NodeProto]:
    made = {"", *(each.name for each in graph.input), *(each.name for each in graph.initializer)}
    made.update(tensor.values.name for tensor in graph.sparse_initializer)
    missing = {index: reads(node) - made for index, node in enumerate(graph.node)}
    readers: dict[str, list[int]] = {}
    for index, names in missing.items():
        for name in names:
            readers.setdefault(name, []).append(index)
    ready = [index for index, names in missing.items() if not names][::-1]
    nodes: list[NodeProto] = []
    while ready:
        node = graph.node[ready.pop()]
        nodes.append(node)
        freed = []
        for name in node.output:
            for reader in readers.get(name, ()):
                missing[reader].discard(name)
                if not missing[reader]:
                    freed.append(reader)
        ready += sorted(set(freed), reverse=True)
    if len(nodes) < len(graph.node):
        stuck = next(names for names in missing.values() if names)
        raise ModelFileError(
            f"expected a graph in which every tensor is made before it is read, got one in which "
            f"'{min(stuck)}' is not; export the model again"
        )
    return nodes


def _domain(domain: str) -> str:
    return "" if domain in ONNX_DOMAINS else domain


def _replace(repeated: Any, entries: Iterable[object]) -> None:  # noqa: ANN401 - a repeated field of any message
    kept = list(entries)
    del repeated[:]
    repeated.extend(kept)
