"""All checks, by the names that docs/doctor.md explains."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cronnx_server.doctor.checks import backends, batching, capacity, files, warm_up, wiring
from cronnx_server.doctor.findings import Finding
from cronnx_server.doctor.machine import Machine
from cronnx_server.doctor.repositories import Repositories

OF_REPOSITORIES: dict[str, Callable[[Repositories], Iterator[Finding]]] = {
    "configs": files.configs,
    "versions": files.versions,
    "weights": files.weights,
    "labels": files.labels,
    "parameters": backends.parameters,
    "wiring": wiring.ensembles,
    "routing": wiring.routers,
    "batching": batching.check,
    "warm_up": warm_up.check,
}
ON_A_MACHINE: dict[str, Callable[[Repositories, Machine], Iterator[Finding]]] = {
    "backends": backends.installed,
    "gpus": capacity.gpus,
    "threads": capacity.threads,
    "shared_memory": capacity.shared_memory,
    "open_files": capacity.open_files,
    "python_library": backends.python_library,
}


def diagnose(repositories: Repositories, machine: Machine) -> dict[str, list[Finding]]:
    """Run every check, and return its findings by its name, each finding once."""
    of_repositories = {name: check(repositories) for name, check in OF_REPOSITORIES.items()}
    on_this_machine = {name: check(repositories, machine) for name, check in ON_A_MACHINE.items()}
    return {name: list(dict.fromkeys(found)) for name, found in {**of_repositories, **on_this_machine}.items()}
