"""The catalogue's models from the ONNX model zoo, made from twins."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import onnxruntime

from cronnx_preprocess import Images
from cronnx_server.build_models.build import CAT
from cronnx_server.build_models.catalogue import Model, OnnxFile, WebFile, catalogue
from cronnx_server.build_models.in_process import preprocessor
from tests.unit.cronnx_server.build_models.mirror_server import Mirror, mirror_of
from tests.unit.cronnx_server.build_models.zoo_twins import TWINS


def zoo_mirror() -> AbstractContextManager[Mirror]:
    """A mirror that has the twin of every file of the zoo."""
    return mirror_of({name: twin().SerializeToString() for name, twin in TWINS.items()})


def twin_models(zoo: Mirror) -> dict[str, Model]:
    """Models whose files are the twins in this mirror.

    A twin recognises nothing, so its expected answer is that of the twin alone, before normalisation and head.
    """
    return {model.name: twin for model in catalogue().values() if (twin := _twin(model, zoo))}


def on_the_web(name: str, zoo: Mirror) -> OnnxFile:
    """A version that is a file in a mirror."""
    content = zoo.files[name]
    return OnnxFile(WebFile(name, len(content), hashlib.sha256(content).hexdigest(), (f"{zoo.url}/{name}",)))


def _twin(model: Model, zoo: Mirror) -> Model | None:
    files = {n: version.weights.file for n, version in model.versions.items() if isinstance(version, OnnxFile)}
    versions = {number: on_the_web(name, zoo) for number, name in files.items()}
    expected = tuple(_answer(model, zoo.files[name]) for name in files.values())
    return replace(model, versions=versions, expected=expected) if versions else None


def _answer(model: Model, twin: bytes) -> int:
    """The class that a twin answers for the cat, normalised here and not in the graph."""
    (answer,) = preprocessor(model.recipe).preprocess([np.array([[CAT.read_bytes()]], dtype=object)])
    assert isinstance(answer, Images), answer
    images = (np.asarray(answer.pixels, np.float32) / 255 - np.float32(model.mean)) / np.float32(model.std)
    session = onnxruntime.InferenceSession(twin)
    (scores,) = session.run(None, {session.get_inputs()[0].name: images.transpose(0, 3, 1, 2)})
    return int(scores.argmax())
