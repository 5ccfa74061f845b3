"""That there are versions to load, and that what is asked for by number is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from cronnx_server.doctor.findings import Finding, error, warning
from cronnx_server.doctor.repositories import Model, Repositories


def check(repositories: Repositories) -> Iterator[Finding]:
    """Findings about version folders, policies and pinned versions."""
    for model in repositories.models:
        yield from _folders(model)
    for ensemble in repositories.ensembles:
        yield from _pins(ensemble, repositories)


def _folders(model: Model) -> Iterator[Finding]:
    if not model.versions:
        yield error(model.folder, "no version folder", "Make a folder 1; an empty one needs a .gitkeep to be in git.")
    for version in sorted({*model.config.version_policy.specific.versions} - {*model.versions}):
        yield (warning if model.loaded_versions else error)(
            model.config_path,
            f"version_policy names version {version}; there {_list(model.versions)}",
            "Add that version's folder, or take the number out.",
        )


def _pins(ensemble: Model, repositories: Repositories) -> Iterator[Finding]:
    for step in ensemble.config.ensemble_scheduling.step:
        model = repositories.by_name.get(step.model_name)
        if model and model.versions and step.model_version > 0 and step.model_version not in model.loaded_versions:
            yield error(ensemble.config_path, *unloaded("a step", model, step.model_version))


def unloaded(who: str, model: Model, version: int) -> tuple[str, str]:
    """The problem and the remedy where `who` asks for a version that is not loaded."""
    if version not in model.versions:
        return (
            f"{who} asks for {model.name} version {version}; there {_list(model.versions)}",
            f"Build {model.folder}/{version} with scripts/build_models or add it, or ask for a version that is there.",
        )
    return (
        f"{who} asks for {model.name} version {version}, which its version_policy does not load",
        f"Write version_policy: {{ all {{ }} }} in {model.config_path}.",
    )


def _list(versions: tuple[int, ...]) -> str:
    verb = "is" if len(versions) == 1 else "are"
    return f"{verb} {', '.join(map(str, versions)) or 'none'}"
