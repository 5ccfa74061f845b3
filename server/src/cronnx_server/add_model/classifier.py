"""Build the graph of a user's classifier: the network adapted, normalisation before it, the head behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, helper, numpy_helper

from cronnx_server.add_model.classifier_signature import USE_RAW, ClassifierSignature
from cronnx_server.add_model.model_file import ModelFile, error_text, session
from cronnx_server.build_models.catalogue import classifier_recipe
from cronnx_server.build_models.onnx_graph import set_dims, standard_form
from cronnx_server.errors import ModelFileError
from cronnx_server.graphs.image_model import image_model
from cronnx_server.model_spec import ModelSpec, NetworkInput, Task

BATCH_TOLERANCE = 0.02
"""In largest scores. A dynamic quantisation takes its range from the whole batch and differs by less; a graph that
mixes the images of a batch differs by far more."""
ROW_SUM_TOLERANCE = 0.01
"""A quantised softmax sums to 1 within its steps."""


@dataclass(frozen=True)
class Network:
    """A network for `classifier_graph`.

    Attributes:
        model: A graph from FP32 [batch, 3, size, size] to logits FP32 [batch, classes].
        classes: The number of classes.
        ends_in_probabilities: Whether the file gives probabilities; the logits here are their logarithms.
    """

    model: ModelProto
    classes: int
    ends_in_probabilities: bool


@dataclass(frozen=True)
class Wrapping:
    """The constants of the nodes around a network.

    Attributes:
        mean: The mean of each channel, for pixels scaled to [0, 1].
        std: The standard deviation of each channel, for pixels scaled to [0, 1].
        labels: One label for each class.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    labels: list[str]


@dataclass(frozen=True)
class Classifier:
    """A user's model, ready to be written as one graph.

    Attributes:
        file: The model file.
        signature: Its input and output.
        network: The network made from the file.
        wrapping: The constants of the nodes around the network.
    """

    file: ModelFile
    signature: ClassifierSignature
    network: Network
    wrapping: Wrapping

    def content(self, *, name: str, version: int) -> bytes:
        """The model file of the whole classifier.

        Raises:
            ModelFileError: The graph cannot be merged with normalisation and head.
        """
        try:
            served_by = f"{name}/{version}@{self.file.sha256[:8]}"
            model = image_model(self.network.model, self._spec(), served_by=served_by)
            onnx.checker.check_model(model)
        except (onnx.checker.ValidationError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ModelFileError(f"cannot add normalisation and labels to {self.file.path.name}: {reason}") from error
        return model.SerializeToString()

    def _spec(self) -> ModelSpec:
        (image,), (scores,) = self.network.model.graph.input, self.network.model.graph.output
        (red, green, blue), (red_std, green_std, blue_std) = self.wrapping.mean, self.wrapping.std
        return ModelSpec(
            task=Task.CLASSIFICATION,
            output_format="scores",
            outputs=(scores.name,),
            labels=tuple(self.wrapping.labels),
            recipe=classifier_recipe(self.signature.size),
            input=NetworkInput(name=image.name, mean=(red, green, blue), std=(red_std, green_std, blue_std)),
            activation="softmax",
        )


def read_network(model: ModelProto, signature: ClassifierSignature) -> Network:
    """Adapt a copy of a user's graph: NCHW, any batch, logits.

    Raises:
        ModelFileError: The graph cannot take batches, or its scores are not those of exclusive classes.
    """
    try:
        network = standard_form(model)
    except ValueError as error:
        raise ModelFileError(f"cannot use the graph: {error}; {USE_RAW}") from error
    network, scores = _with_batches(network, signature)
    classes = scores.shape[1]
    if classes == 1 or _last_operator(network, signature) == "Sigmoid":
        raise ModelFileError(
            f"expected scores of exclusive classes, got independent ones (classes: {classes}); {USE_RAW}"
        )
    probabilities = bool((scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=ROW_SUM_TOLERANCE))
    if probabilities:
        _append_log(network, signature)
    if signature.layout == "NHWC":
        _prepend_transpose(network, signature)
    set_dims(network.graph.input[0], ["batch", 3, signature.size, signature.size])
    set_dims(network.graph.output[0], ["batch", classes])
    return Network(network, classes, probabilities)


def _with_batches(model: ModelProto, signature: ClassifierSignature) -> tuple[ModelProto, npt.NDArray[np.float32]]:
    """Change a graph in place until two images together get the scores of each alone; the graph and their scores."""
    pixels = np.random.default_rng(seed=1).normal(size=(2, *signature.image_shape)).astype(np.float32)
    reason = ""
    for candidate in _batch_candidates(model, signature):
        try:
            run = session(candidate.SerializeToString()).run
            together, *alone = (run(None, {signature.input: part})[0] for part in (pixels, pixels[:1], pixels[1:]))
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have no other base
            reason = f"one that fails for two images at once ({error_text(error)})"
            continue
        if _agree(together, np.concatenate(alone)):
            return candidate, together
        reason = "one that scores two images at once differently from each alone"
    raise ModelFileError(
        f"expected a graph that takes batches, got {reason}; export it with a variable batch; {USE_RAW}"
    )


def _agree(together: npt.NDArray[np.float32], alone: npt.NDArray[np.float32]) -> bool:
    largest = np.abs(np.nan_to_num(alone)).max()  # the proof refuses scores that are not finite
    return together.shape == alone.shape and np.allclose(
        together, alone, rtol=0, atol=BATCH_TOLERANCE * largest, equal_nan=True
    )


def _batch_candidates(model: ModelProto, signature: ClassifierSignature) -> Iterator[ModelProto]:
    """The graph with a variable batch, and then with variable reshapes as well."""
    set_dims(model.graph.input[0], ["batch", *signature.image_shape])
    set_dims(model.graph.output[0], ["batch", "classes"])
    yield model
    _free_reshapes(model, batch=abs(signature.batch))
    yield model


def _free_reshapes(model: ModelProto, *, batch: int) -> None:
    """Let reshapes to the exported batch keep the batch of their input, which 0 in a shape stands for."""
    del model.graph.value_info[:]  # these shapes were inferred from the reshapes
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    constants |= {node.output[0]: node.attribute[0].t for node in model.graph.node if node.op_type == "Constant"}
    for node in model.graph.node:
        if node.op_type == "Reshape" and node.input[0] not in constants and node.input[1] in constants:
            tensor = constants[node.input[1]]
            shape = numpy_helper.to_array(tensor)
            if shape.size > 1 and shape[0] == batch:
                tensor.CopyFrom(numpy_helper.from_array(np.array([0, *shape[1:]], np.int64), tensor.name))


def _last_operator(model: ModelProto, signature: ClassifierSignature) -> str:
    return next(node.op_type for node in model.graph.node if signature.output in node.output)


def _append_log(model: ModelProto, signature: ClassifierSignature) -> None:
    """Turn probabilities into logits: the head's softmax restores them, as softmax(log p) = p if they sum to 1."""
    output = model.graph.output[0]
    output.name = f"{signature.output}/log"
    model.graph.node.append(helper.make_node("Log", [signature.output], [output.name], name=output.name))


def _prepend_transpose(model: ModelProto, signature: ClassifierSignature) -> None:
    image = model.graph.input[0]
    image.name = f"{signature.input}/nchw"
    node = helper.make_node("Transpose", [image.name], [signature.input], name=image.name, perm=[0, 2, 3, 1])
    model.graph.node.insert(0, node)
