"""That what was written answers as the graph it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tritonclient.utils import triton_to_np_dtype

from cronnx_onnxruntime.signature import Tensor
from cronnx_server.add_model.classifier import Classifier
from cronnx_server.add_model.graph_file import GraphFile, onnx_runtime_says, session
from cronnx_server.build_models.in_process import InProcess
from cronnx_server.build_models.torch_weights import Array
from cronnx_server.errors import SetupError
from cronnx_server.paths import PICTURES
from cronnx_server.serve import first_answer
from cronnx_server.serve.first_answer import PICTURE

TOLERANCE = 1e-3  # of the largest score: another opset's operators may round otherwise


@dataclass(frozen=True)
class Proof:
    """What a classifier is given for the picture that `scripts/serve` asks about too, and its answer.

    Attributes:
        pixels: UINT8 [1, size, size, 3].
        outputs: by name, [1, ...].
    """

    pixels: Array
    outputs: Mapping[str, Array]

    def __str__(self) -> str:
        return described(self.outputs, how="in this process")


def described(outputs: Mapping[str, Array], *, how: str) -> str:
    """The outputs of a classifier for the picture, as text; over the wire, strings are bytes."""
    (served_by,), scores, labels = (outputs[name][0].tolist() for name in ("served_by", "score", "label"))
    return first_answer.shown(f"{_text(served_by)} {how}", zip(scores, map(_text, labels), strict=True))


def _text(element: bytes | str) -> str:
    return element.decode() if isinstance(element, bytes) else element


def check_classifier(content: bytes, classifier: Classifier, *, repository: Path) -> Proof:
    """A classifier's answer to a picture, once its scores for every picture here are those of its graph alone.

    Args:
        content: the file of the whole classifier.
        classifier: what it was made of.
        repository: where its `preprocess_<size>` is.

    Raises:
        SetupError: the scores differ, or are no numbers.
    """
    made = InProcess(content, size=classifier.signature.size, repository=repository)
    pixels = made.pixels([picture.read_bytes() for picture in sorted(PICTURES.glob("*.jpg"))])
    found, expected = made.classify_pixels(pixels)["logits"], _scores(classifier, pixels)
    name = classifier.graph.path.name
    if not np.isfinite(expected).all():
        raise SetupError(f"{name} gives pictures scores that are not finite: --mean and --std may be of another model")
    if classifier.network.ends_in_probabilities:
        found = np.exp(found)
    if not np.allclose(found, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max()):
        off = np.abs(found - expected).max()
        raise SetupError(f"as a classifier, {name} gives scores that are off by {off:.2g}: export it with opset 17")
    picture = made.pixels([PICTURE.read_bytes()])
    return Proof(picture, made.classify_pixels(picture))


def _scores(classifier: Classifier, pixels: Array) -> Array:
    """What the graph alone says of each picture; it may have been exported for batches of a fixed size."""
    graph, signature, wrapping = classifier.graph, classifier.signature, classifier.wrapping
    normalised = ((pixels / 255 - np.asarray(wrapping.mean)) / np.asarray(wrapping.std)).astype(np.float32)
    if signature.layout == "NCHW":
        normalised = normalised.transpose(0, 3, 1, 2)
    alone = session(graph.content)
    batches = (np.repeat(picture[None], abs(signature.batch), axis=0) for picture in normalised)
    return np.concatenate([alone.run([signature.output], {signature.input: batch})[0][:1] for batch in batches])


def check_runs(graph: GraphFile) -> None:
    """Run a graph on zeros, where its shapes say how many.

    Raises:
        SetupError: it fails.
    """
    inputs = [tensor for tensor in graph.signature.inputs if not tensor.optional]
    if any(-1 in tensor.shape[1:] for tensor in inputs):
        return
    try:
        session(graph.content).run(None, {tensor.name: _zeros(tensor) for tensor in inputs})
    except Exception as error:
        raise SetupError(f"{graph.path.name} fails on zeros: {onnx_runtime_says(error)}") from error


def _zeros(tensor: Tensor) -> Array:
    shape = [max(dim, 1) for dim in tensor.shape]
    if tensor.data_type == "TYPE_STRING":
        return np.full(shape, "", dtype=object)
    return np.zeros(shape, triton_to_np_dtype(tensor.data_type.removeprefix("TYPE_")))
