"""Somebody's classifier as `model_builds.classification` takes networks: NCHW, any batch, logits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, ValueInfoProto, helper, numpy_helper

from local_server.errors import SetupError
from model_additions.classifier_signature import RAW, ClassifierSignature
from model_additions.graph_file import onnx_runtime_says, session
from model_builds import onnx_network
from model_builds.torch_weights import Array

# Of the largest score: a dynamic quantisation takes its range from the whole batch, a graph that mixes the pictures
# of a batch is far off.
BATCH_TOLERANCE = 0.02
ROW_SUM_TOLERANCE = 0.01


@dataclass(frozen=True)
class Network:
    """A network that `model_builds.classification.classifier` takes.

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
        found, scores = _batching(onnx_network.network(model), signature)
    except ValueError as error:
        raise SetupError(f"the graph cannot be used: {error}; {RAW}") from error
    classes = scores.shape[1]
    if classes == 1 or _maker(found, signature.output).op_type == "Sigmoid":
        raise SetupError(
            f"its {classes} scores are independent of each other, a classifier's exclude each other; {RAW}"
        )
    probabilities = bool((scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=ROW_SUM_TOLERANCE))
    if probabilities:
        _append_log(found, signature)
    if signature.layout == "NHWC":
        _prepend_transpose(found, signature)
    _set_dims(found.graph.input[0], ["batch", 3, signature.size, signature.size])
    _set_dims(found.graph.output[0], ["batch", classes])
    return Network(found, classes, probabilities)


def _batching(model: ModelProto, signature: ClassifierSignature) -> tuple[ModelProto, Array]:
    """The graph made to take any batch, and its scores for a batch of two."""
    pixels = np.random.default_rng(seed=1).normal(size=(2, *_picture(signature))).astype(np.float32)
    reason = ""
    for candidate in _candidates(model, signature):
        try:
            run = session(candidate.SerializeToString()).run
            batch, *singles = (run(None, {signature.input: part})[0] for part in (pixels, pixels[:1], pixels[1:]))
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have no base of their own
            reason = f"fails on two pictures at once: {onnx_runtime_says(error)}"
            continue
        expected = np.concatenate(singles)
        if batch.shape == expected.shape and _close(batch, expected):
            return candidate, batch
        reason = "answers two pictures at once otherwise than one by one"
    raise SetupError(f"the graph {reason}: export it with a batch that varies, or say --raw to serve it as it is")


def _close(batch: Array, singles: Array) -> bool:
    return np.allclose(batch, singles, rtol=0, atol=BATCH_TOLERANCE * np.abs(singles).max())


def _candidates(model: ModelProto, signature: ClassifierSignature) -> Iterator[ModelProto]:
    """The graph with a batch that varies, and then with the reshapes to its batch made to vary as well."""
    _set_dims(model.graph.input[0], ["batch", *_picture(signature)])
    _set_dims(model.graph.output[0], ["batch", "classes"])
    yield model
    _free_reshapes(model, batch=abs(signature.batch))
    yield model


def _picture(signature: ClassifierSignature) -> tuple[int, int, int]:
    size = signature.size
    return (3, size, size) if signature.layout == "NCHW" else (size, size, 3)


def _free_reshapes(model: ModelProto, *, batch: int) -> None:
    """Have reshapes to the exported batch keep the batch they are given: 0 in a shape stands for the input's own."""
    del model.graph.value_info[:]  # inferred from these reshapes
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    shapes = {name: numpy_helper.to_array(tensor) for name, tensor in constants.items()}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].HasField("t"):
            shapes[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    for node in model.graph.node:
        if node.op_type == "Reshape" and node.input[0] not in shapes and node.input[1] in shapes:
            shape = shapes[node.input[1]]
            if shape.size > 1 and shape[0] == batch:
                name = f"{node.output[0]}/shape"
                model.graph.initializer.append(numpy_helper.from_array(np.array([0, *shape[1:]], np.int64), name))
                node.input[1] = name


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


def _maker(model: ModelProto, tensor: str) -> NodeProto:
    return next(node for node in model.graph.node if tensor in node.output)


def _set_dims(tensor: ValueInfoProto, dims: list[str | int]) -> None:
    onnx_type = tensor.type.tensor_type.elem_type
    tensor.CopyFrom(helper.make_tensor_value_info(tensor.name, onnx_type, dims))
