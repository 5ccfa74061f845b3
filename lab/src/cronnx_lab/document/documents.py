"""The documents that are made of the source, and how each is made."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from cronnx_lab.document import command_help, configuration, openapi
from cronnx_server import repository
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, ROOT

DOCS = ROOT / "docs"


def _tracked_models() -> dict[str, Path]:
    """Return the folders of the models that git tracks, by name: a model that a user added is not documented."""
    command = ["git", "ls-files", "--", f"{MODEL_REPOSITORY.name}/*/config.pbtxt", f"{ENSEMBLES.name}/*/config.pbtxt"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    folders = [(ROOT / name).parent for name in listed]
    return {folder.name: folder for folder in folders if folder.is_dir()}


def _openapi() -> str:
    models = {name: repository.read_config(folder) for name, folder in _tracked_models().items()}
    return openapi.description(models, repository.classifiers(ENSEMBLES, sorted(models)))


def _configuration() -> str:
    return configuration.reference(_tracked_models(), command_help.of(ROOT / "scripts"))


DOCUMENTS: Mapping[Path, Callable[[], str]] = {
    DOCS / "openapi.json": _openapi,
    DOCS / "configuration.md": _configuration,
}
