"""Somebody's classifier as `cronnx_server.build_models.classification` takes networks: NCHW, any batch, logits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, helper

from cronnx_server.add_model.batching import batching
from cronnx_server.add_model.classifier_signature import RAW, ClassifierSignature
from cronnx_server.add_model.tensor_shapes import set_dims
from cronnx_server.build_models import onnx_network
from cronnx_server.errors import SetupError

ROW_SUM_TOLERANCE = 0.01  # a quantised softmax sums to 1 within its steps


@dataclass(frozen=True)
class Network:
    """A network that `cronnx_server.build_models.classification.classifier` takes.

    Attributes:
        model: one input FP32 [batch, 3, size, size], one output FP32 [batch, classes], of logits.
        classes: how many there are.
        ends_in_probabilities: whether the graph gave probabilities, of which the logits here are the logarithms.
    """

    model: ModelProto
    classes: int
    ends_in_probabilities: bool


def network(model: ModelProto, signature: ClassifierSignature) -> Network:
    """The network in `model`, which is left as it is.

    Raises:
        SetupError: it cannot take batches, or its scores are not those of classes that exclude each other.
    """
    try:
        found = onnx_network.network(model)
    except ValueError as error:
        raise SetupError(f"the graph cannot be used: {error}; {RAW}") from error
    found, scores = batching(found, signature)
    classes = scores.shape[1]
    if classes == 1 or _last_operator(found, signature) == "Sigmoid":
        raise SetupError(
            f"the graph's scores are independent of each other (classes: {classes}), a classifier's sum to 1; {RAW}"
        )
    probabilities = bool((scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=ROW_SUM_TOLERANCE))
    if probabilities:
        _append_log(found, signature)
    if signature.layout == "NHWC":
        _prepend_transpose(found, signature)
    set_dims(found.graph.input[0], ["batch", 3, signature.size, signature.size])
    set_dims(found.graph.output[0], ["batch", classes])
    return Network(found, classes, probabilities)


def _last_operator(model: ModelProto, signature: ClassifierSignature) -> str:
    return next(node.op_type for node in model.graph.node if signature.output in node.output)


def _append_log(model: ModelProto, signature: ClassifierSignature) -> None:
    """The softmax of the classification head gives the probabilities back: softmax(log p) = p where they sum to 1."""
    output = model.graph.output[0]
    output.name = f"{signature.output}/log"
    model.graph.node.append(helper.make_node("Log", [signature.output], [output.name], name=output.name))


def _prepend_transpose(model: ModelProto, signature: ClassifierSignature) -> None:
    given = model.graph.input[0]
    given.name = f"{signature.input}/nchw"
    node = helper.make_node("Transpose", [given.name], [signature.input], name=given.name, perm=[0, 2, 3, 1])
    model.graph.node.insert(0, node)
