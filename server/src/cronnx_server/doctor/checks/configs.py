"""That every folder holds one model, with a configuration that can be read and a name of its own."""

from __future__ import annotations

from collections.abc import Iterator

from cronnx_server.doctor.findings import Finding, error
from cronnx_server.doctor.repositories import Repositories


def check(repositories: Repositories) -> Iterator[Finding]:
    """Findings about configurations as files."""
    for path, reason in repositories.unreadable.items():
        yield error(path, reason.removeprefix(f"{path}:"), "Mend what is at that line and column.")
    for folder in repositories.folders:
        yield error(
            folder, "no config.pbtxt and no <version>/model.onnx", "Add a config.pbtxt, or take the folder out."
        )
    yield from _names(repositories)


def _names(repositories: Repositories) -> Iterator[Finding]:
    first = repositories.by_name
    for model in repositories.models:
        if model.config.name not in ("", model.name):
            yield error(
                model.config_path,
                f"the name is '{model.config.name}', the folder's is '{model.name}'",
                "Leave the name out, or write the folder's.",
            )
        if first[model.name] is not model:
            yield error(
                model.folder,
                f"a second model '{model.name}'; the first is {first[model.name].folder}",
                "Rename one of the two folders, or leave its repository out.",
            )
