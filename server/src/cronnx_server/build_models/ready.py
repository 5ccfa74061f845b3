"""Which of this project's models can be served: those that are built, and those that can be built now."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cronnx_server import repository
from cronnx_server.build_models.build import build
from cronnx_server.build_models.catalogue import LIVE_VERSION, Model, catalogue
from cronnx_server.errors import SetupError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, WEIGHTS

Failures = dict[tuple[str, int], SetupError]


def ready(
    names: Sequence[str] | None,
    *,
    models: Mapping[str, Model] | None = None,
    model_repository: Path = MODEL_REPOSITORY,
    ensembles: Path = ENSEMBLES,
    weights: Path = WEIGHTS,
) -> list[str]:
    """Build what these models lack; the names to load.

    Args:
        names: ensembles, or models, with those that their routers call; None is every ensemble that can be had, the
            others being named on stderr.
        models: what can be built; the catalogue's where None.
        model_repository: where it is built.
        ensembles: the repository of ensembles.
        weights: the folder that keeps what was fetched.

    Raises:
        SetupError: a model named is unknown or cannot be built, or none can be had.
    """
    models = catalogue() if models is None else models
    known = {**repository.models(model_repository), **repository.models(ensembles)}
    chosen = list(names or repository.models(ensembles))
    for name in chosen:
        if name not in known:
            raise SetupError(f"there is no model '{name}'; there are {', '.join(known)}")
    needed = {name: _needed(known[name], known, models) for name in chosen}
    parts = {part for versions in needed.values() for part, _ in versions}
    lacking = (model for model in models.values() if model.name in parts)
    failures = _build_lacking(lacking, model_repository, weights)
    left_out = {name: failures[key] for name in chosen for key in needed[name] if key in failures}
    left_out |= {name: absent for name in chosen for absent in _absent(known[name], model_repository, models)}
    found = [name for name in chosen if name not in left_out]
    for name, failure in left_out.items():
        if names or not found:
            raise SetupError(f"{name} cannot be served: {failure}") from failure
    _report(left_out, failures)
    loaded = {step for name in found for step in repository.steps(repository.read_config(known[name]))}
    called = {model for name in found for model in _called(known[name], known)}
    return found + sorted(called - loaded - set(found))


def _called(folder: Path, known: Mapping[str, Path]) -> list[str]:
    """The models that the routers of an ensemble call."""
    parts = [folder.name, *repository.steps(repository.read_config(folder))]
    configs = [repository.read_config(known[name]) for name in parts if name in known]
    return [model for config in configs for model in repository.called(config)]


def _needed(folder: Path, known: Mapping[str, Path], models: Mapping[str, Model]) -> list[tuple[str, int]]:
    """Names and versions without which what is in `folder` does not load, or not answer.

    Those that its steps pin, and each one's version 1: git keeps its folder, and Triton refuses a model that has
    the folder of a version but not its file.
    """
    config = repository.read_config(folder)
    versions = [(name, LIVE_VERSION) for name in (config.name, *_called(folder, known))]
    for step in config.ensemble_scheduling.step:
        versions += [(step.model_name, LIVE_VERSION), (step.model_name, step.model_version)]
    onnx_names = {f"{name}_onnx": name for name in models}
    return [(onnx_names[name], version) for name, version in versions if name in onnx_names]


def _absent(folder: Path, model_repository: Path, models: Mapping[str, Model]) -> Iterator[SetupError]:
    """The files of added models that an ensemble pins and that are not here: git keeps a config, not a graph."""
    for step in repository.read_config(folder).ensemble_scheduling.step:
        path = model_repository / step.model_name / str(step.model_version) / "model.onnx"
        to_build = step.model_name.removesuffix("_onnx") in models
        if step.model_version > 0 and not to_build and not path.exists():
            yield SetupError(f"there is no {path}: bring it from where it was added with scripts/add_model")


def _build_lacking(models: Iterable[Model], model_repository: Path, weights: Path) -> Failures:
    """Build what is not there; why the rest could not be. Without its version 1 no other of a model is built."""
    failures: Failures = {}
    for model in models:
        for version in model.versions:
            if model.path(model_repository, version).exists() or (model.name, LIVE_VERSION) in failures:
                continue
            try:
                build(model, version, repository=model_repository, weights=weights)
            except SetupError as failure:
                failures[model.name, version] = failure
    return failures


def _report(left_out: Mapping[str, SetupError], failures: Failures) -> None:
    for name, failure in left_out.items():
        print(f"{name} is left out: {failure}", file=sys.stderr)
    for (name, version), failure in failures.items():
        if version != LIVE_VERSION:
            print(f"version {version} of {name} is left out: {failure}", file=sys.stderr)
