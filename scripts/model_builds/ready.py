"""Which of this project's models can be served: those that are built, and those that can be built now."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from local_server import repository
from local_server.errors import SetupError
from local_server.paths import ENSEMBLES, MODEL_REPOSITORY
from model_builds.build import build
from model_builds.catalogue import Model, catalogue


def ready(names: Sequence[str] | None) -> list[str]:
    """Build what these models lack; the names to load.

    Args:
        names: ensembles, or models; None is every ensemble that can be had, the others being named on stderr.

    Raises:
        SetupError: a model named is unknown or cannot be built, or none can be had.
    """
    known = {**repository.models(MODEL_REPOSITORY), **repository.models(ENSEMBLES)}
    found, failures = [], []
    for name in names or repository.models(ENSEMBLES):
        if name not in known:
            raise SetupError(f"there is no model '{name}'; there are {', '.join(known)}")
        try:
            for model in _lacking(known[name]):
                build(model)
            found.append(name)
        except SetupError as error:
            failures.append(f"{name} is left out: {error}")
    if failures and (names or not found):
        raise SetupError(failures[0].replace("is left out", "cannot be served"))
    for failure in failures:
        print(failure, file=sys.stderr)
    return found


def _lacking(folder: Path) -> Iterator[Model]:
    parts = [folder.name, *repository.steps(repository.read_config(folder))]
    for model in catalogue().values():
        if f"{model.name}_onnx" in parts and not model.path(MODEL_REPOSITORY).exists():
            yield model
