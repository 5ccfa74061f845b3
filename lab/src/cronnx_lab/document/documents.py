"""The generated documents, and the function that generates each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from cronnx_lab.document import configuration, openapi
from cronnx_server import repository
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, ROOT

DOCS = ROOT / "docs"


def _openapi() -> str:
    folders = {**repository.models(MODEL_REPOSITORY), **repository.models(ENSEMBLES)}
    models = {name: repository.read_config(folder) for name, folder in folders.items()}
    return openapi.description(models, repository.classifiers(ENSEMBLES, sorted(models)))


def _configuration() -> str:
    folders = {**repository.models(MODEL_REPOSITORY), **repository.models(ENSEMBLES)}
    return configuration.reference(folders, configuration.command_helps(ROOT / "scripts"))


DOCUMENTS: Mapping[Path, Callable[[], str]] = {
    DOCS / "openapi.json": _openapi,
    DOCS / "configuration.md": _configuration,
}
