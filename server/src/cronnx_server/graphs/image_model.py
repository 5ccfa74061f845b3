"""One ONNX graph from pixels to a task's answer: the normalisation, the network, and the task's head."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from onnx import GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto, compose, helper

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.heads.classification import add_classification_head
from cronnx_server.graphs.heads.depth import add_depth_head
from cronnx_server.graphs.heads.detection import add_detection_head
from cronnx_server.graphs.heads.detection_formats import check_columns
from cronnx_server.graphs.heads.embedding import add_embedding_head
from cronnx_server.graphs.heads.geometry import GEOMETRY, PIXELS
from cronnx_server.graphs.heads.instance_segmentation import add_instance_masks
from cronnx_server.graphs.heads.semantic_segmentation import add_semantic_segmentation_head
from cronnx_server.graphs.normalisation import add_normalisation
from cronnx_server.graphs.onnx_graph import opset_of
from cronnx_server.model_spec import ModelSpec, Task

SPEC_KEY = "cronnx.spec"
"""The key of the metadata that carries the specification as JSON."""
NETWORK = "network/"
"""What the names of the network's nodes and tensors begin with."""
DETECTION_OUTPUTS: dict[str, tuple[int, tuple[int | str, ...]]] = {
    "num_detections": (TensorProto.INT32, (1,)),
    "box": (TensorProto.FLOAT, ("n", 4)),
    "score": (TensorProto.FLOAT, ("n",)),
    "class_id": (TensorProto.INT64, ("n",)),
    "label": (TensorProto.STRING, ("n",)),
    "keypoints": (TensorProto.FLOAT, ("n", "points", 3)),
    "corners": (TensorProto.FLOAT, ("n", 4, 2)),
    "mask": (TensorProto.INT16, ("mask_length",)),
    "mask_size": (TensorProto.INT32, ("n", 2)),
    "mask_box": (TensorProto.FLOAT, ("n", 4)),
    "mask_scale": (TensorProto.INT32, (1,)),
}
"""The outputs of detection tasks; n is the number of rows."""
LABEL_OPSET = helper.make_opsetid("ai.onnx.ml", 2)


def _add_detections(graph: GraphBuilder, spec: ModelSpec, tensors: Sequence[ValueInfoProto]) -> list[ValueInfoProto]:
    check_columns(spec, [[dim.dim_value or None for dim in each.type.tensor_type.shape.dim] for each in tensors])
    names = [tensor.name for tensor in tensors]
    found = add_detection_head(graph, names, GEOMETRY, spec, pixels_shape=graph.op("Shape", PIXELS))
    return [_declared(graph, name, tensor, spec) for name, tensor in found.items()]


def _add_instances(graph: GraphBuilder, spec: ModelSpec, tensors: Sequence[ValueInfoProto]) -> list[ValueInfoProto]:
    found = add_instance_masks(graph, tensors, GEOMETRY, spec, pixels_shape=graph.op("Shape", PIXELS))
    return [_declared(graph, name, tensor, spec) for name, tensor in found.items()]


def _declared(graph: GraphBuilder, name: str, tensor: str, spec: ModelSpec) -> ValueInfoProto:
    graph.op("Identity", tensor, to=name)
    datatype, dims = DETECTION_OUTPUTS[name]
    sizes: dict[int | str, int] = {"n": spec.max_detections, "points": spec.keypoint_shape[0]}
    return helper.make_tensor_value_info(name, datatype, ["batch", *(sizes.get(dim, dim) for dim in dims)])


HEADS = {
    **dict.fromkeys((Task.DETECTION, Task.POSE, Task.ORIENTED_BOXES), _add_detections),
    Task.INSTANCE_SEGMENTATION: _add_instances,
    Task.CLASSIFICATION: add_classification_head,
    Task.MULTI_LABEL: add_classification_head,
    Task.SEMANTIC_SEGMENTATION: add_semantic_segmentation_head,
    Task.EMBEDDING: add_embedding_head,
    Task.DEPTH: add_depth_head,
}


def image_model(network: ModelProto, spec: ModelSpec, *, served_by: str, batchable: bool = True) -> ModelProto:
    """Put the normalisation before a network and the head of its task behind it.

    Args:
        network: A network of opset 17 or newer that is fit to serve: its only input is `spec.input.name`, and its
            outputs, under their own names, include `spec.outputs`.
        spec: The specification.
        served_by: The `served_by` of every answer.
        batchable: Whether the network takes several images at once. A model of a network that takes one declares a
            variable batch all the same, so that it is served with `max_batch_size` 1.

    Returns:
        A model from `pixels` UINT8 [batch, height, width, 3] and, for tasks whose answer has positions in the
        photograph, `geometry` FP32 [batch, 6], to the outputs of the task and `served_by` STRING [batch, 1]. The
        metadata `cronnx.spec` holds the specification.

    Raises:
        ValueError: The network lacks an output of the specification, or the specification contradicts itself.
    """
    prefixed = compose.add_prefix(network, NETWORK)
    graph = GraphBuilder(opset=opset_of(network))
    add_normalisation(graph, spec.input, to=f"{NETWORK}{spec.input.name}")
    graph.nodes.extend(prefixed.graph.node)
    add_head = HEADS.get(spec.task)
    if add_head is None:
        raise ValueError(f"expected a task with a head, got {spec.task.value}")
    outputs = [*add_head(graph, spec, _tensors(prefixed, spec.outputs)), _add_served_by(graph, served_by)]
    outputs.sort(key=lambda output: output.name == "logits")  # the answer and its origin first
    if not batchable:
        _declare_batch(graph, outputs)
    nodes = _needed(graph.nodes, [output.name for output in outputs])
    used = {name for node in nodes for name in (*node.input, *_captured(node))}
    model = helper.make_model(
        helper.make_graph(
            nodes,
            # TensorRT caches engines by the graph's name and shape, not by its weights: docs/profiles.md.
            re.sub(r"\W", "_", served_by),
            [tensor for tensor in _inputs(spec) if tensor.name in used],
            outputs,
            [tensor for tensor in (*prefixed.graph.initializer, *graph.constants) if tensor.name in used],
        ),
        opset_imports=_opsets(network),
        ir_version=network.ir_version,
        functions=prefixed.functions,
    )
    helper.set_model_props(model, {SPEC_KEY: spec.to_json()})
    return model


def read_spec(model: ModelProto) -> ModelSpec | None:
    """The specification that a model of `image_model` carries; None if it carries none."""
    texts = [each.value for each in model.metadata_props if each.key == SPEC_KEY]
    return ModelSpec.from_json(texts[0]) if texts else None


def name_nodes(graph: GraphProto) -> None:
    """Give nodes of the network without a name of their own one: nodes are chosen by their names."""
    known: set[str] = set()
    for node in graph.node:
        if node.name in known or node.name == NETWORK:
            node.name = f"{NETWORK}{node.output[0]}"
        known.add(node.name)


def is_of_network(node: NodeProto) -> bool:
    """Whether a node of a model is part of its network, not of the normalisation or the head."""
    return node.name.startswith(NETWORK)


def _inputs(spec: ModelSpec) -> list[ValueInfoProto]:
    size = [spec.recipe.height or "height", spec.recipe.width or "width"]
    return [
        helper.make_tensor_value_info(PIXELS, TensorProto.UINT8, ["batch", *size, 3]),
        helper.make_tensor_value_info(GEOMETRY, TensorProto.FLOAT, ["batch", 6]),
    ]


def _tensors(network: ModelProto, names: Sequence[str]) -> list[ValueInfoProto]:
    known = {output.name: output for output in network.graph.output}
    missing = [name for name in names if f"{NETWORK}{name}" not in known]
    if missing:
        raise ValueError(f"expected a network with an output '{missing[0]}', got {', '.join(known)}")
    return [known[f"{NETWORK}{name}"] for name in names]


def _add_served_by(graph: GraphBuilder, served_by: str) -> ValueInfoProto:
    provenance = graph.constant([[served_by]], object)
    graph.op("Expand", provenance, _batch_by(graph, 1), to="served_by")
    return helper.make_tensor_value_info("served_by", TensorProto.STRING, ["batch", 1])


def _batch_by(graph: GraphBuilder, *dims: int) -> str:
    return graph.op("Concat", graph.op("Shape", PIXELS, start=0, end=1), graph.ints(*dims), axis=0)


def _declare_batch(graph: GraphBuilder, outputs: Iterable[ValueInfoProto]) -> None:
    """Give the outputs the batch dimension of the input, which shape inference would declare to be 1."""
    for output in outputs:
        if output.name == "served_by":
            continue
        (node,) = (node for node in graph.nodes if output.name in node.output)
        single = f"{output.name}/single"
        names = [single if name == output.name else name for name in node.output]
        del node.output[:]
        node.output.extend(names)
        for reader in graph.nodes:
            for index, name in enumerate(reader.input):
                if name == output.name:
                    reader.input[index] = single
        rank = len(output.type.tensor_type.shape.dim)
        graph.op("Expand", single, _batch_by(graph, *[1] * (rank - 1)), to=output.name)


def _needed(nodes: Sequence[NodeProto], outputs: Iterable[str]) -> list[NodeProto]:
    """The nodes that the outputs depend on, in their order."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed & set(node.output):
            needed.update(node.input, _captured(node))
            kept.append(node)
    return kept[::-1]


def _captured(node: NodeProto) -> set[str]:
    """The names that the subgraphs of a node read."""
    found: set[str] = set()
    for attribute in node.attribute:
        for graph in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            found.update(output.name for output in graph.output)
            for inner in graph.node:
                found.update(inner.input, _captured(inner))
    return found


def _opsets(network: ModelProto) -> list[OperatorSetIdProto]:
    versions = {opset.domain: opset.version for opset in network.opset_import}
    versions.setdefault(LABEL_OPSET.domain, LABEL_OPSET.version)
    return [helper.make_opsetid(*each) for each in versions.items()]
