"""Every check, of what is in the repositories and of what the machine makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cronnx_server.doctor.checks import (
    backends,
    batching,
    configs,
    files,
    python_library,
    routing,
    shared_memory,
    threads,
    versions,
    warm_up,
    wiring,
)
from cronnx_server.doctor.findings import Finding
from cronnx_server.doctor.machine import Machine
from cronnx_server.doctor.repositories import Repositories

OF_REPOSITORIES: dict[str, Callable[[Repositories], Iterator[Finding]]] = {
    "configs": configs.check,
    "versions": versions.check,
    "weights": files.weights,
    "labels": files.labels,
    "parameters": backends.parameters,
    "wiring": wiring.check,
    "routing": routing.check,
    "batching": batching.check,
    "warm_up": warm_up.check,
}
ON_A_MACHINE: dict[str, Callable[[Repositories, Machine], Iterator[Finding]]] = {
    "backends": backends.check,
    "threads": threads.check,
    "shared_memory": shared_memory.check,
    "python_library": python_library.check,
}


def diagnose(repositories: Repositories, machine: Machine) -> dict[str, list[Finding]]:
    """What every check finds, by the check's name; what two samples or steps share, once."""
    of_repositories = {name: check(repositories) for name, check in OF_REPOSITORIES.items()}
    on_this_one = {name: check(repositories, machine) for name, check in ON_A_MACHINE.items()}
    return {name: list(dict.fromkeys(found)) for name, found in {**of_repositories, **on_this_one}.items()}
