"""A copy of what an ensemble needs, to break."""

from __future__ import annotations

import shutil
from pathlib import Path

from cronnx_server import repository
from cronnx_server.errors import SetupError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY


def copy(ensemble: str, folder: Path) -> list[str]:
    """Copy an ensemble and its steps into `folder`; the names of the steps.

    Raises:
        SetupError: there is no such ensemble.
    """
    known = {**repository.models(MODEL_REPOSITORY), **repository.models(ENSEMBLES)}
    steps = repository.steps(repository.read_config(known[ensemble])) if ensemble in known else []
    if not steps:
        raise SetupError(f"there is no ensemble '{ensemble}'; there are {', '.join(repository.models(ENSEMBLES))}")
    for name in (ensemble, *steps):
        shutil.copytree(known[name], folder / name)
    return steps
