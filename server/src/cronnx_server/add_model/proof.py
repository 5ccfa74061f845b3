"""Prove that a written model answers like the file it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tritonclient.utils import triton_to_np_dtype

from cronnx_onnxruntime.signature import Tensor
from cronnx_server.add_model.classifier import Classifier
from cronnx_server.add_model.model_file import ModelFile, error_text, session
from cronnx_server.build_models.in_process import InProcessModel
from cronnx_server.errors import ModelFileError
from cronnx_server.paths import PICTURES
from cronnx_server.serve import first_answer
from cronnx_server.serve.first_answer import PICTURE

TOLERANCE = 1e-3
"""In largest scores: the operators of another opset may round differently."""


@dataclass(frozen=True)
class Proof:
    """A classifier's answer to the picture that `scripts/serve` shows too.

    Attributes:
        pixels: The picture, UINT8 [1, size, size, 3].
        outputs: The outputs by name, [1, ...].
    """

    pixels: npt.NDArray[np.uint8]
    outputs: Mapping[str, npt.NDArray[Any]]

    def __str__(self) -> str:
        return described(self.outputs, origin="in this process")


def described(outputs: Mapping[str, npt.NDArray[Any]], *, origin: str) -> str:
    """A classifier's outputs for the picture, as text; a server gives strings as bytes."""
    (served_by,), scores, labels = (outputs[name][0].tolist() for name in ("served_by", "score", "label"))
    return first_answer.shown(f"{_text(served_by)} {origin}", zip(scores, map(_text, labels), strict=True))


def _text(element: bytes | str) -> str:
    return element.decode() if isinstance(element, bytes) else element


def prove_classifier(content: bytes, classifier: Classifier) -> Proof:
    """Compare the scores of a classifier with those of the user's graph, for every picture of the project.

    Args:
        content: The model file of the whole classifier.
        classifier: The classifier.

    Returns:
        The classifier's answer to one picture.

    Raises:
        ModelFileError: The scores differ or are not finite.
    """
    whole = InProcessModel(content)
    inputs = whole.preprocess([picture.read_bytes() for picture in sorted(PICTURES.glob("*.jpg"))])
    found, expected = whole.run(inputs)["logits"], _scores_of_file(classifier, inputs["pixels"])
    name = classifier.file.path.name
    if not np.isfinite(expected).all():
        raise ModelFileError(f"expected finite scores from {name}, got infinity or NaN; check --mean and --std")
    if classifier.network.ends_in_probabilities:
        found = np.exp(found)
    if not np.allclose(found, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max()):
        difference = np.abs(found - expected).max()
        raise ModelFileError(
            f"expected the scores of {name} from the classifier built of it, got a difference of {difference:.2g}; "
            "export the model with opset 17"
        )
    picture = whole.preprocess([PICTURE.read_bytes()])
    return Proof(picture["pixels"], whole.run(picture))


def _scores_of_file(classifier: Classifier, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The scores of the user's graph for each image; the graph may take batches of one size only."""
    file, signature, wrapping = classifier.file, classifier.signature, classifier.wrapping
    normalised = ((pixels / 255 - np.asarray(wrapping.mean)) / np.asarray(wrapping.std)).astype(np.float32)
    if signature.layout == "NCHW":
        normalised = normalised.transpose(0, 3, 1, 2)
    graph = session(file.content)
    batches = (np.repeat(image[None], abs(signature.batch), axis=0) for image in normalised)
    return np.concatenate([graph.run([signature.output], {signature.input: batch})[0][:1] for batch in batches])


def prove_it_runs(file: ModelFile) -> None:
    """Run a graph on zeros; a graph of variable shapes is not run.

    Raises:
        ModelFileError: The graph fails.
    """
    inputs = [tensor for tensor in file.signature.inputs if not tensor.optional]
    if any(-1 in tensor.shape[1:] for tensor in inputs):
        return
    try:
        session(file.content).run(None, {tensor.name: _zeros(tensor) for tensor in inputs})
    except Exception as error:
        raise ModelFileError(f"{file.path.name} fails on zeros: {error_text(error)}") from error


def _zeros(tensor: Tensor) -> npt.NDArray[Any]:
    shape = [max(dim, 1) for dim in tensor.shape]
    if tensor.data_type == "TYPE_STRING":
        return np.full(shape, "", dtype=object)
    return np.zeros(shape, triton_to_np_dtype(tensor.data_type.removeprefix("TYPE_")))
