"""The graph of a classifier: normalisation before the network, the classification head behind it.

Both are part of the ONNX graph, so that pixels reach the model as bytes and no Python runs after the network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, compose, helper, numpy_helper

from cronnx_server.graphs.onnx_graph import IR_VERSION, OPSETS

TOP_K = 5


def classifier_graph(
    network: ModelProto,
    *,
    size: int,
    mean: Sequence[float],
    std: Sequence[float],
    labels: Sequence[str],
    served_by: str,
) -> ModelProto:
    """Add normalisation and a classification head to a network.

    Args:
        network: A network from FP32 [batch, 3, size, size] (NCHW, RGB) to logits FP32 [batch, classes], with
            opset 17 or newer.
        size: Height and width of an image, in pixels.
        mean: The mean of each channel, for pixels scaled to [0, 1].
        std: The standard deviation of each channel, for pixels scaled to [0, 1].
        labels: One label for each class, in the order of the network's outputs.
        served_by: The `served_by` of every answer.

    Returns:
        A model from `pixels` UINT8 [batch, size, size, 3] to `label` STRING [batch, 5], `class_id` INT64
        [batch, 5], `score` FP32 [batch, 5] (softmax, descending), `served_by` STRING [batch, 1] and
        `logits` FP32 [batch, classes]. A network of fewer than 5 classes ranks all of them.
    """
    network = compose.add_prefix(network, "network/")
    (network_input,), (network_output,) = network.graph.input, network.graph.output
    normaliser = _with_versions_of(network, _normaliser(size=size, mean=mean, std=std))
    head = _with_versions_of(network, _head(labels=labels, served_by=served_by))
    normalised = compose.merge_models(normaliser, network, io_map=[("normalised", network_input.name)])
    model = compose.merge_models(normalised, head, io_map=[(network_output.name, "scores")])
    versions = {opset.domain: opset.version for opset in model.opset_import}
    # TensorRT caches engines by the graph's name and shape, not by its weights: docs/profiles.md.
    model.graph.name = re.sub(r"\W", "_", served_by)
    del model.opset_import[:]  # merging lists each domain once for each part
    model.opset_import.extend(helper.make_opsetid(*each) for each in versions.items())
    return model


def _with_versions_of(network: ModelProto, part: ModelProto) -> ModelProto:
    """Set the ONNX versions of `part` to the network's: only equal versions can be merged."""
    versions = {opset.domain: opset.version for opset in network.opset_import}
    part.ir_version = network.ir_version
    for opset in part.opset_import:
        opset.version = versions.get(opset.domain, opset.version)
    return part


def _normaliser(*, size: int, mean: Sequence[float], std: Sequence[float]) -> ModelProto:
    mean_pixel = 255 * np.asarray(mean, np.float64)
    std_pixel = 255 * np.asarray(std, np.float64)
    nodes = [
        helper.make_node("Transpose", ["pixels"], ["planes"], name="to_nchw", perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["planes_fp32"], name="to_fp32", to=TensorProto.FLOAT),
        helper.make_node("Sub", ["planes_fp32", "mean"], ["centred"], name="centre"),
        helper.make_node("Mul", ["centred", "scale"], ["normalised"], name="scale_to_unit"),
    ]
    constants = [_per_channel("mean", mean_pixel), _per_channel("scale", 1 / std_pixel)]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", size, size, 3])
    normalised = helper.make_tensor_value_info("normalised", TensorProto.FLOAT, ["batch", 3, size, size])
    return _model("normaliser", nodes, [pixels], [normalised], constants)


def _head(*, labels: Sequence[str], served_by: str) -> ModelProto:
    nodes = [
        helper.make_node("Identity", ["scores"], ["logits"], name="keep_logits"),
        helper.make_node("Softmax", ["scores"], ["probabilities"], name="softmax", axis=1),
        helper.make_node("TopK", ["probabilities", "top_k"], ["score", "class_id"], name="top_k_classes", axis=1),
        _label_encoder(labels),
        helper.make_node("Shape", ["scores"], ["batch_size"], name="batch_size", start=0, end=1),
        helper.make_node("Concat", ["batch_size", "one"], ["batch_by_one"], name="batch_by_one", axis=0),
        helper.make_node("Expand", ["provenance", "batch_by_one"], ["served_by"], name="once_an_image"),
    ]
    top_k = min(TOP_K, len(labels))
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", len(labels)])
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.STRING, ["batch", top_k]),
        helper.make_tensor_value_info("class_id", TensorProto.INT64, ["batch", top_k]),
        helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch", top_k]),
        helper.make_tensor_value_info("served_by", TensorProto.STRING, ["batch", 1]),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(labels)]),
    ]
    constants = [
        numpy_helper.from_array(np.array([top_k], np.int64), "top_k"),
        numpy_helper.from_array(np.array([1], np.int64), "one"),
        numpy_helper.from_array(np.array([[served_by]], dtype=object), "provenance"),
    ]
    return _model("classification_head", nodes, [scores], outputs, constants)


def _label_encoder(labels: Sequence[str]) -> NodeProto:
    return helper.make_node(
        "LabelEncoder",
        ["class_id"],
        ["label"],
        name="class_id_to_label",
        domain="ai.onnx.ml",
        keys_int64s=list(range(len(labels))),
        values_strings=list(labels),
    )


def _per_channel(name: str, values: npt.NDArray[np.float64]) -> TensorProto:
    return numpy_helper.from_array(values.astype(np.float32).reshape(-1, 1, 1), name)


def _model(
    name: str,
    nodes: list[NodeProto],
    inputs: list[ValueInfoProto],
    outputs: list[ValueInfoProto],
    constants: list[TensorProto],
) -> ModelProto:
    graph = helper.make_graph(nodes, name, inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION)
