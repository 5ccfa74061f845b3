"""The generated documents, and the function that generates each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from cronnx.playground import openapi
from cronnx_lab.document import configuration, python_api
from cronnx_server import repository
from cronnx_server.model_spec import Task
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, ROOT

DOCS = ROOT / "docs"


Folders = Mapping[str, Path]


def models() -> Folders:
    """Return the folder of every model, by name."""
    return {**repository.models(MODEL_REPOSITORY), **repository.models(ENSEMBLES)}


def _openapi(folders: Folders) -> str:
    configs = {name: repository.read_config(folder) for name, folder in folders.items()}
    tasks = repository.image_models(ENSEMBLES, sorted(configs))
    # The tests call each of these: a detector takes too long for that.
    classifiers = [name for name, task in tasks.items() if task is Task.CLASSIFICATION]
    return json.dumps(openapi.description(configs, classifiers), indent=2) + "\n"


def _configuration(folders: Folders) -> str:
    return configuration.reference(folders, configuration.command_helps(ROOT / "scripts"))


def _python_api(_: Folders) -> str:
    return python_api.reference()


DOCUMENTS: Mapping[Path, Callable[[Folders], str]] = {
    DOCS / "openapi.json": _openapi,
    DOCS / "configuration.md": _configuration,
    DOCS / "reference.md": _python_api,
}
