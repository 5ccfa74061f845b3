"""Models of the catalogue that a server needs and that are not built yet."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cronnx_server import repository
from cronnx_server.build_models.build import build
from cronnx_server.build_models.catalogue import LIVE_VERSION, Model, catalogue
from cronnx_server.errors import BuildError, CommandError, RepositoryError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, WEIGHTS

Failures = dict[tuple[str, int], CommandError]
"""Why a version of a model cannot be built."""


def build_missing(
    names: Sequence[str] | None,
    *,
    models: Mapping[str, Model] | None = None,
    model_repository: Path = MODEL_REPOSITORY,
    ensembles: Path = ENSEMBLES,
    weights: Path = WEIGHTS,
) -> list[str]:
    """Download and build what these models lack.

    Args:
        names: Ensembles or models. Without names, every ensemble; those that cannot be served are skipped, and stderr
            says why.
        models: The models that can be built; by default the catalogue's.
        model_repository: The model repository in which they are built.
        ensembles: The repository of ensembles.
        weights: The folder that keeps fetched weights.

    Returns:
        The names that a server has to load: the given ones, and the models that their routers call.

    Raises:
        RepositoryError: There is no model of a given name.
        BuildError: A given model cannot be served, or none can.
    """
    models = catalogue() if models is None else models
    known = {**repository.models(model_repository), **repository.models(ensembles)}
    chosen = list(names or repository.models(ensembles))
    for name in chosen:
        if name not in known:
            raise RepositoryError(f"there is no model '{name}'; choose one of {', '.join(known)}")
    needed = {name: _needed_versions(known[name], known, models) for name in chosen}
    parts = {part for versions in needed.values() for part, _ in versions}
    failures = _build_absent((model for model in models.values() if model.name in parts), model_repository, weights)
    reasons = {name: failures[version] for name in chosen for version in needed[name] if version in failures}
    reasons |= {name: lost for name in chosen for lost in _lost_files(known[name], model_repository, models)}
    served = [name for name in chosen if name not in reasons]
    if reasons and (names or not served):
        name, reason = next(iter(reasons.items()))
        raise BuildError(f"{name} cannot be served: {reason}") from reason
    _report(reasons, failures)
    return served + _routed_models(served, known)


def _routed_models(served: Sequence[str], known: Mapping[str, Path]) -> list[str]:
    """The models that routers call and that no step of an ensemble loads."""
    loaded = {step for name in served for step in repository.steps(repository.read_config(known[name]))}
    called = {model for name in served for model in _called_models(known[name], known)}
    return sorted(called - loaded - set(served))


def _called_models(folder: Path, known: Mapping[str, Path]) -> list[str]:
    """The models that the routers of an ensemble call."""
    parts = [folder.name, *repository.steps(repository.read_config(folder))]
    configs = [repository.read_config(known[name]) for name in parts if name in known]
    return [model for config in configs for model in repository.called(config)]


def _needed_versions(folder: Path, known: Mapping[str, Path], models: Mapping[str, Model]) -> list[tuple[str, int]]:
    """The models of the catalogue and their versions without which a model does not load or does not answer.

    These are the versions that the steps of an ensemble pin, and version 1 of each model: git keeps its folder, and
    Triton refuses a model that has the folder of a version without its file.
    """
    config = repository.read_config(folder)
    versions = [(name, LIVE_VERSION) for name in (config.name, *_called_models(folder, known))]
    for step in config.ensemble_scheduling.step:
        versions += [(step.model_name, LIVE_VERSION), (step.model_name, step.model_version)]
    onnx_names = {f"{name}_onnx": name for name in models}
    return [(onnx_names[name], version) for name, version in versions if name in onnx_names]


def _lost_files(folder: Path, model_repository: Path, models: Mapping[str, Model]) -> Iterator[RepositoryError]:
    """The model files of added versions that are absent: git keeps a config, not a model file, and downloads break.

    These are the versions that an ensemble pins, and those whose folders Triton would try to load.
    """
    for step in repository.read_config(folder).ensemble_scheduling.step:
        network = model_repository / step.model_name
        in_catalogue = models.get(step.model_name.removesuffix("_onnx"))
        to_build = in_catalogue.versions if in_catalogue else {}
        for version in sorted({max(step.model_version, 0), *_loaded_versions(network)} - {0, *to_build}):
            path = network / str(version) / "model.onnx"
            if not path.exists():
                yield RepositoryError(
                    f"there is no {path}; copy it from the machine where scripts/add_model added it, or remove the "
                    "folder of the version"
                )


def _loaded_versions(folder: Path) -> list[int]:
    """The versions of an ONNX model that loads all of them."""
    if not (folder / "config.pbtxt").exists():
        return []
    config = repository.read_config(folder)
    if config.backend != "onnxruntime" or not config.version_policy.HasField("all") or config.default_model_filename:
        return []
    return [int(path.name) for path in folder.iterdir() if repository.is_version(path.name)]


def _build_absent(models: Iterable[Model], model_repository: Path, weights: Path) -> Failures:
    """Build every version that has no file; a model whose version 1 fails is not built further."""
    failures: Failures = {}
    for model in models:
        for version in model.versions:
            if model.path(model_repository, version).exists() or (model.name, LIVE_VERSION) in failures:
                continue
            try:
                build(model, version, repository=model_repository, weights=weights)
            except CommandError as failure:
                failures[model.name, version] = failure
    return failures


def _report(reasons: Mapping[str, CommandError], failures: Failures) -> None:
    for name, reason in reasons.items():
        print(f"skipping {name}: {reason}", file=sys.stderr)
    for (name, version), failure in failures.items():
        if version != LIVE_VERSION:
            print(f"skipping version {version} of {name}: {failure}", file=sys.stderr)
