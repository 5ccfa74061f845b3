"""Build a model of the catalogue: weights, graph, check, and the file in the model repository."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from cronnx_server import progress
from cronnx_server.build_models import efficientnet_lite
from cronnx_server.build_models.catalogue import (
    GPU_FILE,
    LIVE_VERSION,
    DistributionDetector,
    EfficientNetLite,
    Model,
    OnnxFile,
    Quantised,
)
from cronnx_server.build_models.in_process import InProcessModel
from cronnx_server.build_models.quantisation import calibration_batches, quantise
from cronnx_server.build_models.torch_weights import read_state_dict
from cronnx_server.errors import BuildError
from cronnx_server.exports.measurement import fit, photographs, values
from cronnx_server.files import write_whole
from cronnx_server.graphs.distributions import decode_distributions
from cronnx_server.graphs.image_model import image_model
from cronnx_server.graphs.network import prepare
from cronnx_server.graphs.onnx_graph import standard_form
from cronnx_server.model_spec import Task
from cronnx_server.paths import MODEL_REPOSITORY, PICTURES, WEIGHTS

CAT, COFFEE, PAGE = PICTURES / "chelsea.jpg", PICTURES / "coffee.jpg", PICTURES / "documents" / "page.jpg"
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
        BuildError: The graph cannot be built, or does not answer as expected.
        CommandError: The file cannot be written. After any error, a file that was there is unchanged.
    """
    published = model.weights(version).fetch(weights)
    with progress.running(f"Building {model.name} version {version}"):
        try:
            content = _graph(model, version, published).SerializeToString()
            onnx.checker.check_model(content, full_check=True)
        except UNUSABLE_WEIGHTS as error:
            raise BuildError(f"cannot build it from {published.name}: {error}") from error
        _check(model, content)
        path = model.path(repository, version)
        path.with_name(GPU_FILE).unlink(missing_ok=True)  # it is made of the file that is replaced
        write_whole(path, content)
    return path


def symmetric_int8(model: Model, version: int, *, weights: Path = WEIGHTS) -> tuple[bytes, bytes]:
    """A version that is quantised, in the symmetric INT8 of TensorRT and in FP32.

    Raises:
        DownloadError: The weights cannot be fetched.
        BuildError: The graph cannot be built.
    """
    published = model.weights(version).fetch(weights)
    try:
        built = _in_floating_point(model, version, published)
        int8 = _quantised(model, built, symmetric=True)
    except UNUSABLE_WEIGHTS as error:
        raise BuildError(f"cannot build it from {published.name}: {error}") from error
    return int8.SerializeToString(), built.SerializeToString()


def _graph(model: Model, version: int, published: Path) -> onnx.ModelProto:
    built = _in_floating_point(model, version, published)
    return _quantised(model, built) if isinstance(model.versions[version], Quantised) else built


def _in_floating_point(model: Model, version: int, published: Path) -> onnx.ModelProto:
    source = model.versions[version]
    network = _network(model, source.of if isinstance(source, Quantised) else source, published)
    outputs = tuple(output.name for output in network.graph.output)
    spec = model.spec(image=network.graph.input[0].name, outputs=outputs)
    return image_model(network, spec, served_by=model.served_by(version))


def _quantised(model: Model, built: onnx.ModelProto, *, symmetric: bool = False) -> onnx.ModelProto:
    calibration = calibration_batches(sorted(PICTURES.glob("*.jpg")), size=model.height)
    return quantise(built, calibration=calibration, symmetric=symmetric)


def _network(
    model: Model, source: EfficientNetLite | OnnxFile | DistributionDetector, published: Path
) -> onnx.ModelProto:
    if isinstance(source, EfficientNetLite):
        weights = read_state_dict(published)
        return efficientnet_lite.build(weights, size=model.height, width=source.width, depth=source.depth)
    if isinstance(source, DistributionDetector):
        return _detector(model, onnx.load(published))
    return standard_form(onnx.load(published))


def _detector(model: Model, published: onnx.ModelProto) -> onnx.ModelProto:
    """A detector that takes batches and answers boxes and scores.

    Raises:
        ValueError: The published graph is no such detector, or does not take batches.
    """
    decoded = decode_distributions(published, height=model.height, width=model.width)
    if decoded is None:
        raise ValueError("expected scores and distributions for each stride, got other outputs")
    image, outputs = published.graph.input[0].name, (decoded.boxes, decoded.scores)
    spec = model.spec(image=image, outputs=outputs)
    network = prepare(
        decoded.model,
        image_input=image,
        image_shape=(3, model.height, model.width),
        outputs=outputs,
        fills={},
        samples=np.stack([values(fit(picture, spec.recipe), spec.input) for picture in photographs()]),
    )
    if not network.batchable:
        raise ValueError(network.reason)
    return network.model


def _check(model: Model, content: bytes) -> None:
    """Check that a classifier recognises a cat, and a detector the parts of a page, alone and in a batch."""
    detects = model.task == Task.DETECTION
    picture = PAGE if detects else CAT
    for images in ([picture], [COFFEE, picture]):
        class_ids = _class_ids(model, content, [path.read_bytes() for path in images])
        if len(class_ids) != len(images):
            raise BuildError(
                f"{model.name}: expected {len(images)} answers for {len(images)} images, got {len(class_ids)}"
            )
        if detects and not {*model.expected} <= {*class_ids[-1]}:
            raise BuildError(
                f"{model.name}: expected all of the classes {model.expected} for {picture.name}, got {class_ids[-1]}"
            )
        if not detects and class_ids[-1][0] not in model.expected:
            raise BuildError(
                f"{model.name}: expected one of the classes {model.expected} for {picture.name}, got {class_ids[-1][0]}"
            )


def _class_ids(model: Model, content: bytes, images: Sequence[bytes]) -> list[list[int]]:
    try:
        answers = InProcessModel(content).answer(images)
    except Exception as error:  # ONNX Runtime's errors have no other base
        raise BuildError(f"{model.name} does not run: {' '.join(str(error).split())}") from error
    class_ids: list[list[int]] = answers["class_id"].tolist()
    return class_ids
