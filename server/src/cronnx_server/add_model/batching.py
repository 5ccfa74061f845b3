"""Graphs made to take any number of pictures at once, and held to it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnx import ModelProto, numpy_helper

from cronnx_server.add_model.classifier_signature import ClassifierSignature
from cronnx_server.add_model.graph_file import onnx_runtime_says, session
from cronnx_server.add_model.tensor_shapes import set_dims
from cronnx_server.build_models.torch_weights import Array
from cronnx_server.errors import SetupError

# Of the largest score: a dynamic quantisation takes its range from the whole batch, while a graph that mixes the
# pictures of a batch is far off.
TOLERANCE = 0.02


def batching(model: ModelProto, signature: ClassifierSignature) -> tuple[ModelProto, Array]:
    """`model`, changed in place until it answers two pictures at once as one by one; and its scores for two.

    Raises:
        SetupError: it cannot be made to.
    """
    pixels = np.random.default_rng(seed=1).normal(size=(2, *signature.picture)).astype(np.float32)
    reason = ""
    for candidate in _candidates(model, signature):
        try:
            run = session(candidate.SerializeToString()).run
            together, *alone = (run(None, {signature.input: part})[0] for part in (pixels, pixels[:1], pixels[1:]))
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have no base of their own
            reason = f"fails on two pictures at once ({onnx_runtime_says(error)})"
            continue
        if _agree(together, np.concatenate(alone)):
            return candidate, together
        reason = "answers two pictures at once otherwise than one by one"
    raise SetupError(f"the graph {reason}: export it with a batch that varies, or say --raw to serve it as it is")


def _agree(together: Array, alone: Array) -> bool:
    largest = np.abs(np.nan_to_num(alone)).max()  # scores that are not finite are refused by the proof, by name
    return together.shape == alone.shape and np.allclose(
        together, alone, rtol=0, atol=TOLERANCE * largest, equal_nan=True
    )


def _candidates(model: ModelProto, signature: ClassifierSignature) -> Iterator[ModelProto]:
    """The graph with a batch that varies, and then with the reshapes to its batch made to vary as well."""
    set_dims(model.graph.input[0], ["batch", *signature.picture])
    set_dims(model.graph.output[0], ["batch", "classes"])
    yield model
    _free_reshapes(model, batch=abs(signature.batch))
    yield model


def _free_reshapes(model: ModelProto, *, batch: int) -> None:
    """Have reshapes to the exported batch keep the batch they are given: 0 in a shape stands for the input's own."""
    del model.graph.value_info[:]  # inferred from these reshapes
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    constants |= {node.output[0]: node.attribute[0].t for node in model.graph.node if node.op_type == "Constant"}
    for node in model.graph.node:
        if node.op_type == "Reshape" and node.input[0] not in constants and node.input[1] in constants:
            tensor = constants[node.input[1]]
            shape = numpy_helper.to_array(tensor)
            if shape.size > 1 and shape[0] == batch:
                tensor.CopyFrom(numpy_helper.from_array(np.array([0, *shape[1:]], np.int64), tensor.name))
