"""Models of the catalogue that a server needs and that are not built yet."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cronnx_server import repository
from cronnx_server.build_models.catalogue import LIVE_VERSION, Model, catalogue
from cronnx_server.build_models.profile import Profile, called_models
from cronnx_server.errors import BuildError, CommandError, RepositoryError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, WEIGHTS

MOST_DOWNLOADS = 4

ModelVersion = tuple[str, int]
"""A model of the catalogue and a version of it."""
Failures = dict[ModelVersion, CommandError]
"""Why a version of a model cannot be built."""


@dataclass(frozen=True)
class Prepared:
    """What a server can load now, and what is built while it serves.

    Attributes:
        names: The models that a server has to load: the chosen ones, and the models that their routers call.
        later: The missing versions that nothing of this needs, in the order of their builds, and the models to load
            after each. Those in INT8 take most of the time of a first start.
    """

    names: list[str]
    later: dict[ModelVersion, list[str]]


def build_missing(
    names: Sequence[str] | None,
    *,
    models: Mapping[str, Model] | None = None,
    profile: str = "",
    model_repository: Path = MODEL_REPOSITORY,
    ensembles: Path = ENSEMBLES,
    weights: Path = WEIGHTS,
) -> list[str]:
    """Download and build all that these models lack, and return the names to load; see `prepare`."""
    folders = {"model_repository": model_repository, "ensembles": ensembles, "weights": weights}
    return prepare(names, models=models, profile=profile, postpone=False, **folders).names


def prepare(
    names: Sequence[str] | None,
    *,
    models: Mapping[str, Model] | None = None,
    profile: str = "",
    postpone: bool = True,
    model_repository: Path = MODEL_REPOSITORY,
    ensembles: Path = ENSEMBLES,
    weights: Path = WEIGHTS,
) -> Prepared:
    """Download and build what these models need to be loaded.

    Args:
        names: Ensembles or models. Without names, every ensemble; those that cannot be served are skipped, and stderr
            says why.
        models: The models that can be built; by default the catalogue's.
        profile: Which `configs/<profile>.pbtxt` the server prefers. The files that it serves are built; versions that
            it does not serve are not.
        postpone: Whether to leave for later what nothing needs in order to load. If there are no names and some
            ensembles lack nothing, the others are left too, so that a start does not wait for a download that failed.
        model_repository: The model repository in which they are built.
        ensembles: The repository of ensembles.
        weights: The folder that keeps fetched weights.

    Raises:
        RepositoryError: There is no model of a given name.
        BuildError: A given model cannot be served, or none can.
    """
    models = catalogue() if models is None else models
    known = {**repository.models(model_repository), **repository.models(ensembles)}
    chosen, asked = _chosen(names or repository.models(ensembles), known), Profile(profile, known)
    plan = _plan(chosen, asked, models, model_repository, postpone=postpone, postpone_ensembles=not (names or profile))
    failures = _build(plan.now, models, model_repository, weights)
    reasons = plan.reasons(failures)
    reasons |= asked.build([name for name in plan.at_once if name not in reasons], models=models, weights=weights)
    served = [name for name in plan.at_once if name not in reasons]
    if reasons and (names or not served):
        name, reason = next(iter(reasons.items()))
        raise BuildError(f"{name} cannot be served: {reason}") from reason
    _report(reasons, failures)
    return Prepared(served + _routed_models(served, known), _loads(plan, failures, known))


@dataclass(frozen=True)
class _Plan:
    """What is built and loaded before a server starts, and what later.

    Attributes:
        at_once: The models to load first, and the versions without which each cannot be loaded.
        postponed: The models to load later, likewise.
        now: The missing versions to build first, in this order.
        later: The missing versions to build later, in this order.
        lost: Why some of the models to load first cannot be served.
    """

    at_once: Mapping[str, Sequence[ModelVersion]]
    postponed: Mapping[str, Sequence[ModelVersion]]
    now: Sequence[ModelVersion]
    later: Sequence[ModelVersion]
    lost: Mapping[str, CommandError]

    def reasons(self, failures: Failures) -> dict[str, CommandError]:
        """Why some of the models to load first cannot be served after these failures."""
        failed = {name: failures[part] for name, needed in self.at_once.items() for part in needed if part in failures}
        return {**failed, **self.lost}


def _plan(
    chosen: Sequence[str],
    asked: Profile,
    models: Mapping[str, Model],
    model_repository: Path,
    *,
    postpone: bool,
    postpone_ensembles: bool,
) -> _Plan:
    """Plan what to build; `postpone` lets versions wait that nothing needs, and `postpone_ensembles` ensembles too."""
    needed = {name: _needed_versions(asked.known[name], asked.known, models) for name in chosen}
    absent = _absent({part for parts in needed.values() for part in parts}, asked, models, model_repository)
    lost: dict[str, CommandError] = {
        name: each for name in chosen for each in _lost_files(asked.known[name], model_repository, models)
    }
    lost |= asked.unserved(chosen)
    lacking = {name: parts for name, parts in needed.items() if name not in lost and {*parts} & {*absent}}
    is_one_whole = len(lacking) + len(lost) < len(needed)
    postponed = lacking if postpone and postpone_ensembles and is_one_whole else {}
    at_once = {name: parts for name, parts in needed.items() if name not in postponed}
    needed_at_once = {part for name, parts in at_once.items() if name not in lost for part in parts}
    later = [part for part in absent if postpone and part not in needed_at_once]
    return _Plan(at_once, postponed, [part for part in absent if part not in later], later, lost)


def _chosen(names: Iterable[str], known: Mapping[str, Path]) -> list[str]:
    """These names; refused if one of them is not known."""
    chosen = list(names)
    for name in chosen:
        if name not in known:
            raise RepositoryError(f"there is no model '{name}'; choose one of {', '.join(known)}")
    return chosen


def _absent(
    needed: Set[ModelVersion], asked: Profile, models: Mapping[str, Model], model_repository: Path
) -> list[ModelVersion]:
    """The versions that are not built: those that are needed, and others of their models that the profile serves."""
    names = {name for name, _ in needed}
    return [
        (name, version)
        for name, model in models.items()
        if name in names
        for version in model.versions
        if not model.path(model_repository, version).exists()
        if (name, version) in needed or asked.serves(asked.known[f"{name}_onnx"], version)
    ]


def _loads(plan: _Plan, failures: Failures, known: Mapping[str, Path]) -> dict[ModelVersion, list[str]]:
    """The models to load after each later version; a model whose version 1 failed is not built further."""
    loads = {part: [f"{part[0]}_onnx"] for part in plan.later if (part[0], LIVE_VERSION) not in failures}
    for name, needed in plan.postponed.items():
        last = [part for part in plan.later if part in needed][-1]
        loads[last] += [*_routed_models([name], known), name]
    return loads


def _routed_models(served: Sequence[str], known: Mapping[str, Path]) -> list[str]:
    """The models that routers call and that no step of an ensemble loads."""
    loaded = {step for name in served for step in repository.steps(repository.read_config(known[name]))}
    called = {model for name in served for model in called_models(known[name], known)}
    return sorted(called - loaded - set(served))


def _needed_versions(folder: Path, known: Mapping[str, Path], models: Mapping[str, Model]) -> list[ModelVersion]:
    """The models of the catalogue and their versions without which a model does not load or does not answer.

    These are the versions that the steps of an ensemble pin, and version 1 of each model: git keeps its folder, and
    Triton refuses a model that has the folder of a version without its file.
    """
    config = repository.read_config(folder)
    versions = [(name, LIVE_VERSION) for name in (config.name, *called_models(folder, known))]
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


def _build(
    absent: Sequence[ModelVersion], models: Mapping[str, Model], model_repository: Path, weights: Path
) -> Failures:
    """Build versions in their order; a model whose version 1 fails is not built further. Weights come meanwhile."""
    failures: Failures = {}
    with ThreadPoolExecutor(MOST_DOWNLOADS) as downloads:
        sources = dict.fromkeys(models[name].weights(version) for name, version in absent)
        fetched = {source: downloads.submit(source.fetch, weights) for source in sources}
        for name, version in absent:
            if (name, LIVE_VERSION) in failures:
                continue
            model = models[name]
            try:
                fetched[model.weights(version)].result()
                from cronnx_server.build_models.build import build  # takes half a second, which most starts can save

                build(model, version, repository=model_repository, weights=weights)
            except CommandError as failure:
                failures[name, version] = failure
    return failures


def _report(reasons: Mapping[str, CommandError], failures: Failures) -> None:
    for name, reason in reasons.items():
        print(f"skipping {name}: {reason}", file=sys.stderr)
    for (name, version), failure in failures.items():
        if version != LIVE_VERSION:
            print(f"skipping version {version} of {name}: {failure}", file=sys.stderr)
