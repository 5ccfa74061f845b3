"""A model with its network in FP16, by ONNX Runtime's conversion; the normalisation and the head stay in FP32.

TensorRT 11 takes the precision of every tensor from the graph, so that FP16 has to be there.

Sources: NVIDIA, "Migrating from TensorRT 10.x to 11.x", "Strongly Typed Networks Are Now Required";
`onnxruntime/transformers/float16.py`.
"""

from __future__ import annotations

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, shape_inference
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

from cronnx_server.graphs.image_model import is_of_network, name_nodes
from cronnx_server.graphs.structure import extract, producers, reads, self_contained

FP32_OPERATORS = (
    *DEFAULT_OP_BLOCK_LIST,
    "GroupNormalization",
    "InstanceNormalization",
    "LayerNormalization",
    "LpNormalization",
    "Pow",
    "ReduceL2",
    "ReduceMean",
    "ReduceSum",
    "ReduceSumSquare",
    "Softmax",
)
"""The operators of a network that stay in FP32: their squares and sums leave the range of FP16, up to 65504."""


def half_precision(model: ModelProto) -> ModelProto:
    """Convert the network of a model to FP16; inputs, outputs, normalisation and head stay. A copy.

    Args:
        model: A model of `image_model` whose network is in FP32.

    Raises:
        ValueError: The type of a tensor between the network and its normalisation or head cannot be inferred.
    """
    whole = self_contained(model)
    name_nodes(whole.graph)
    converted = convert_float_to_float16(_network(whole), keep_io_types=True, op_block_list=FP32_OPERATORS).graph
    graph = whole.graph
    rest = [node for node in graph.node if not is_of_network(node)]
    constants = {name for node in rest for name in reads(node)}
    kept = [tensor for tensor in graph.initializer if tensor.name in constants]
    _fill(graph, [*converted.node, *rest], [*converted.initializer, *kept])
    _join(graph)
    whole = self_contained(whole)  # sorts the nodes: the conversion appends its casts
    extract(whole, [tensor.name for tensor in whole.graph.output])
    return whole


def _network(whole: ModelProto) -> ModelProto:
    """The network alone, with the tensors that cross its border as inputs and outputs."""
    inferred = shape_inference.infer_shapes(whole).graph
    types = {tensor.name: tensor for tensor in (*inferred.input, *inferred.output, *inferred.value_info)}
    nodes = [node for node in whole.graph.node if is_of_network(node)]
    made = [name for node in nodes for name in node.output if name]
    needed = {name for node in nodes for name in reads(node)}
    constants = [tensor for tensor in whole.graph.initializer if tensor.name in needed]
    outside = {tensor.name for tensor in whole.graph.output}
    outside |= {name for node in whole.graph.node if not is_of_network(node) for name in reads(node)}
    graph = helper.make_graph(
        nodes,
        whole.graph.name,
        [_typed(types, name) for name in sorted(needed - {*made} - {tensor.name for tensor in constants})],
        [_typed(types, name) for name in made if name in outside],
        constants,
    )
    return helper.make_model(graph, opset_imports=whole.opset_import, ir_version=whole.ir_version)


def _join(graph: GraphProto) -> None:
    """Leave out FP16 between operators in FP32, where the conversion puts a cast there and back."""
    made = producers(graph)
    joined: dict[str, str] = {}
    for node in graph.node:
        before = made.get(node.input[0]) if _is_cast(node, TensorProto.FLOAT) else None
        if before is not None and _is_cast(before, TensorProto.FLOAT16):
            joined[node.output[0]] = before.input[0]
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = joined.get(name, name)


def _is_cast(node: NodeProto, datatype: int) -> bool:
    return node.op_type == "Cast" and any(each.name == "to" and each.i == datatype for each in node.attribute)


def _typed(types: dict[str, ValueInfoProto], name: str) -> ValueInfoProto:
    if name not in types:
        raise ValueError(f"cannot infer the type of '{name}' at the border of the network")
    return types[name]


def _fill(graph: GraphProto, nodes: list[NodeProto], constants: list[TensorProto]) -> None:
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
