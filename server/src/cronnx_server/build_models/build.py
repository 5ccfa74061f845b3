"""Build a model of the catalogue: weights, graph, check, and the file in the model repository."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from cronnx_server import progress
from cronnx_server.build_models import efficientnet_lite
from cronnx_server.build_models.catalogue import LIVE_VERSION, EfficientNetLite, Model, OnnxFile, Quantised
from cronnx_server.build_models.in_process import InProcessModel
from cronnx_server.build_models.quantisation import calibration_batches, quantise
from cronnx_server.build_models.torch_weights import read_state_dict
from cronnx_server.errors import BuildError
from cronnx_server.files import write_whole
from cronnx_server.graphs.image_model import image_model
from cronnx_server.graphs.onnx_graph import standard_form
from cronnx_server.paths import MODEL_REPOSITORY, PICTURES, WEIGHTS

CAT, COFFEE = PICTURES / "chelsea.jpg", PICTURES / "coffee.jpg"
UNUSABLE_WEIGHTS = (DecodeError, onnx.checker.ValidationError, ValueError)


def build(
    model: Model, version: int = LIVE_VERSION, *, repository: Path = MODEL_REPOSITORY, weights: Path = WEIGHTS
) -> Path:
    """Fetch the weights, build the graph, check its answer, and only then put the file in its place.

    Args:
        model: A model of the catalogue.
        version: The version to build.
        repository: The model repository.
        weights: The folder that keeps fetched weights.

    Returns:
        The path of the file.

    Raises:
        DownloadError: The weights cannot be fetched.
        BuildError: The graph cannot be built, or does not recognise a cat.
        CommandError: The file cannot be written. After any error, a file that was there is unchanged.
    """
    published = model.weights(version).fetch(weights)
    progress.step(f"Building {model.name} version {version}")
    try:
        content = _graph(model, version, published).SerializeToString()
        onnx.checker.check_model(content, full_check=True)
    except UNUSABLE_WEIGHTS as error:
        raise BuildError(f"cannot build {model.name} from {published.name}: {error}") from error
    _check(model, content)
    path = model.path(repository, version)
    write_whole(path, content)
    return path


def _graph(model: Model, version: int, published: Path) -> onnx.ModelProto:
    source = model.versions[version]
    network = _network(model, source.of if isinstance(source, Quantised) else source, published)
    spec = model.spec(image=network.graph.input[0].name, scores=network.graph.output[0].name)
    classifier = image_model(network, spec, served_by=model.served_by(version))
    if isinstance(source, Quantised):
        return quantise(classifier, calibration=calibration_batches(sorted(PICTURES.glob("*.jpg")), size=model.size))
    return classifier


def _network(model: Model, source: EfficientNetLite | OnnxFile, published: Path) -> onnx.ModelProto:
    if isinstance(source, EfficientNetLite):
        weights = read_state_dict(published)
        return efficientnet_lite.build(weights, size=model.size, width=source.width, depth=source.depth)
    return standard_form(onnx.load(published))


def _check(model: Model, content: bytes) -> None:
    """Check that the model recognises a cat, alone and in a batch."""
    cat, coffee = CAT.read_bytes(), COFFEE.read_bytes()
    for images in ([cat], [coffee, cat]):
        class_ids = _class_ids(model, content, images)
        if len(class_ids) != len(images):
            raise BuildError(
                f"{model.name}: expected {len(images)} answers for {len(images)} images, got {len(class_ids)}"
            )
        if class_ids[-1] not in model.expected:
            raise BuildError(
                f"{model.name}: expected one of the classes {model.expected} for {CAT.name}, got {class_ids[-1]}"
            )


def _class_ids(model: Model, content: bytes, images: Sequence[bytes]) -> list[int]:
    try:
        answers = InProcessModel(content).answer(images)
    except Exception as error:  # ONNX Runtime's errors have no other base
        raise BuildError(f"{model.name} does not run: {' '.join(str(error).split())}") from error
    class_ids: list[int] = answers["class_id"][:, 0].tolist()
    return class_ids
