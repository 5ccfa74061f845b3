"""That a router's arms are there, and answer what it answers.

Triton cannot tell: to it, a router's calls are its own business.
"""

from __future__ import annotations

from collections.abc import Iterator

from cronnx_server.doctor.checks.tensors import shape
from cronnx_server.doctor.checks.versions import unloaded
from cronnx_server.doctor.findings import Finding, error
from cronnx_server.doctor.project_backends import arms
from cronnx_server.doctor.repositories import Model, Repositories

ROUTER = "router"


def check(repositories: Repositories) -> Iterator[Finding]:
    """Findings about arms."""
    for router in repositories.steps:
        if router.backend == ROUTER:
            for name, version in arms(router):
                yield from _arm(router, name, version, repositories)


def _arm(router: Model, name: str, version: int, repositories: Repositories) -> Iterator[Finding]:
    model = repositories.by_name.get(name)
    if model is None:
        if name not in repositories.names:
            yield error(
                router.config_path,
                f"the arm {name}/{version} is of a model that is in none of the repositories",
                "Name a model that is there, or give its repository too.",
            )
        return
    if version not in model.loaded_versions:
        yield error(router.config_path, *unloaded("an arm", model, version))
    given = {tensor.name: shape(tensor) for tensor in model.config.output}
    for output in router.config.output:
        if given and given.get(output.name) != shape(output):
            yield error(
                router.config_path,
                f"output '{output.name}' is {shape(output)}, its arm {name} gives {given.get(output.name, 'none')}",
                "Make the two the same, or take that arm out.",
            )
