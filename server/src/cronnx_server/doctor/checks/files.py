"""Checks that every model has a readable configuration, the versions that others ask for, and its files."""

from __future__ import annotations

from collections.abc import Iterator

from cronnx_onnxruntime.runner import DEFAULT_MODEL_FILENAME
from cronnx_server.build_models.catalogue import GPU_FILE
from cronnx_server.doctor.findings import Finding, error, warning
from cronnx_server.doctor.repositories import Model, Repositories
from cronnx_server.plain_paths import PLAIN


def configs(repositories: Repositories) -> Iterator[Finding]:
    """Find folders without a model, configurations that do not parse, and names that clash."""
    for path, reason in repositories.unreadable.items():
        yield error(path, reason.removeprefix(f"{path}:"), "Correct the file at that line and column.")
    for folder in repositories.folders:
        yield error(folder, "no config.pbtxt and no <version>/model.onnx", "Add a config.pbtxt, or remove the folder.")
    for folder in repositories.others:
        yield warning(
            folder,
            "no config.pbtxt and no version folder; scripts/serve leaves it out; a server that loads all models fails",
            "Move it out of the repository, unless it belongs to the disk.",
        )
    first = repositories.by_name
    for model in repositories.models:
        if not PLAIN.fullmatch(model.name):
            yield error(
                model.folder,
                "a name that Triton's Python backend would pass through a shell without quotes",
                "Rename it; use letters, digits and . _ + , = @ % -",
            )
        if model.config.name not in ("", model.name):
            yield error(
                model.config_path,
                f"the name is '{model.config.name}', but the folder's is '{model.name}'",
                "Remove the name, or use the folder's.",
            )
        if first[model.name] is not model:
            yield error(
                model.folder,
                f"a second model '{model.name}'; the first is {first[model.name].folder}",
                "Rename one of the two folders, or leave its repository out.",
            )


def versions(repositories: Repositories) -> Iterator[Finding]:
    """Find models without versions, and versions that are pinned but not loaded."""
    for model in repositories.models:
        yield from _version_folders(model)
    for ensemble in repositories.ensembles:
        for step in ensemble.config.ensemble_scheduling.step:
            called = repositories.by_name.get(step.model_name)
            is_pinned = step.model_version > 0
            if is_pinned and called and called.versions and step.model_version not in called.loaded_versions:
                yield error(ensemble.config_path, *not_loaded("a step", called, step.model_version))


def _version_folders(model: Model) -> Iterator[Finding]:
    if not model.versions:
        yield error(model.folder, "no version folder", "Create a folder 1; git keeps an empty one by a .gitkeep.")
    for version in sorted({*model.config.version_policy.specific.versions} - {*model.versions}):
        yield (warning if model.loaded_versions else error)(
            model.config_path,
            f"version_policy names version {version}, but {_existing(model)}",
            "Add the folder of that version, or remove the number.",
        )


def not_loaded(who: str, model: Model, version: int) -> tuple[str, str]:
    """The problem and the remedy if `who` calls a version of a model that is not loaded."""
    if version not in model.versions:
        return (
            f"{who} calls {model.name} version {version}, but {_existing(model)}",
            f"Build {model.folder}/{version} with scripts/build_models or add it, or call a version that exists.",
        )
    listed = model.config.version_policy.HasField("specific")
    remedy = "Add it to the version_policy" if listed else "Write version_policy: { all { } }"
    return (
        f"{who} calls {model.name} version {version}, which its version_policy does not load",
        f"{remedy} in {model.config_path}.",
    )


def _existing(model: Model) -> str:
    if not model.versions:
        return "there are no versions"
    listed = ", ".join(map(str, model.versions))
    return f"the only version is {listed}" if len(model.versions) == 1 else f"the versions are {listed}"


def weights(repositories: Repositories) -> Iterator[Finding]:
    """Find versions of ONNX models without a graph, and files that are empty, cut, or not the file itself."""
    for model in repositories.models:
        for path, (problem, remedy) in model.damaged.items():
            yield error(path, problem, remedy)
    for model in repositories.steps:
        if model.backend != "onnxruntime":
            continue
        name = model.config.default_model_filename or DEFAULT_MODEL_FILENAME
        option = " --gpu" if name == GPU_FILE else ""
        for version in model.loaded_versions:
            if not {f"{version}/{name}", f"{version}/{name}/{DEFAULT_MODEL_FILENAME}"} & model.files:
                yield error(
                    model.folder / str(version),
                    f"no {name}",
                    f"Build it with scripts/build_models {model.name.removesuffix('_onnx')}{option}, or copy it there.",
                )


def labels(repositories: Repositories) -> Iterator[Finding]:
    """Find files of labels that are missing."""
    for model in repositories.models:
        for output in model.config.output:
            if output.label_filename and output.label_filename not in model.files:
                yield error(
                    model.config_path,
                    f"the labels of output '{output.name}' are in {output.label_filename}, which is missing in "
                    f"{model.folder}",
                    "Add the file, or remove label_filename.",
                )
