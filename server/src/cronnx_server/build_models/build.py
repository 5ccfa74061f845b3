"""From a catalogue's entry to a checked `model.onnx` in the model repository."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from cronnx_server import progress
from cronnx_server.build_models import classification, efficientnet_lite, onnx_network
from cronnx_server.build_models.calibration import views
from cronnx_server.build_models.catalogue import LIVE_VERSION, EfficientNetLite, Model, OnnxFile, Quantised
from cronnx_server.build_models.in_process import InProcess
from cronnx_server.build_models.labels import LABELS
from cronnx_server.build_models.quantisation import quantised
from cronnx_server.build_models.torch_weights import UnreadableWeightsError, read_state_dict
from cronnx_server.errors import SetupError
from cronnx_server.files import write_whole
from cronnx_server.paths import MODEL_REPOSITORY, PICTURES, WEIGHTS

CAT, COFFEE = PICTURES / "chelsea.jpg", PICTURES / "coffee.jpg"
UNFIT = (UnreadableWeightsError, DecodeError, onnx.checker.ValidationError, ValueError)


def build(
    model: Model, version: int = LIVE_VERSION, *, repository: Path = MODEL_REPOSITORY, weights: Path = WEIGHTS
) -> Path:
    """Fetch the weights, build the graph, check its answer, and only then put it in its place.

    Args:
        model: an entry of the catalogue.
        version: the one of its versions to build.
        repository: where the file goes.
        weights: the folder that keeps what was fetched.

    Raises:
        SetupError: one of these failed; what was in its place before still is.
    """
    published = model.weights(version).fetch(weights)
    progress.step(f"Building {model.name} version {version}")
    try:
        content = _graph(model, version, published).SerializeToString()
        onnx.checker.check_model(content, full_check=True)
    except UNFIT as error:
        raise SetupError(f"cannot build {model.name} from {published.name}: {error}") from error
    _check(model, content)
    path = model.path(repository, version)
    write_whole(path, content)
    return path


def _graph(model: Model, version: int, published: Path) -> onnx.ModelProto:
    source = model.versions[version]
    classifier = classification.classifier(
        _network(model, source.of if isinstance(source, Quantised) else source, published),
        size=model.size,
        mean=model.mean,
        std=model.std,
        labels=LABELS[model.labels](),
        served_by=model.served_by(version),
    )
    if isinstance(source, Quantised):
        return quantised(classifier, calibration=views(sorted(PICTURES.glob("*.jpg")), size=model.size))
    return classifier


def _network(model: Model, source: EfficientNetLite | OnnxFile, published: Path) -> onnx.ModelProto:
    if isinstance(source, EfficientNetLite):
        weights = read_state_dict(published)
        return efficientnet_lite.build(weights, size=model.size, width=source.width, depth=source.depth)
    return onnx_network.network(onnx.load(published))


def _check(model: Model, content: bytes) -> None:
    """That a cat is taken for a cat, alone and in a batch."""
    cat, coffee = CAT.read_bytes(), COFFEE.read_bytes()
    for images in ([cat], [coffee, cat]):
        class_ids = _class_ids(model, content, images)
        if len(class_ids) != len(images):
            raise SetupError(f"{model.name} gives {len(class_ids)} answers for {len(images)} pictures")
        if class_ids[-1] not in model.expected:
            raise SetupError(
                f"{model.name} takes {CAT.name} for class {class_ids[-1]}, expected one of {model.expected}"
            )


def _class_ids(model: Model, content: bytes, images: Sequence[bytes]) -> list[int]:
    try:
        answers: list[int] = InProcess(content, size=model.size).classify(images)["class_id"][:, 0].tolist()
    except Exception as error:  # the errors of ONNX Runtime have no other base
        raise SetupError(f"{model.name} does not run: {' '.join(str(error).split())}") from error
    return answers
