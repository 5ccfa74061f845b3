"""That the threads of a model's instances fit the cores.

Models are looked at one by one: those that wait for a request use no core.
"""

from __future__ import annotations

from collections.abc import Iterator

from cronnx_server.doctor.checks.instances import cpu_instances
from cronnx_server.doctor.findings import Finding, warning
from cronnx_server.doctor.machine import Machine
from cronnx_server.doctor.repositories import Model, Repositories

THREAD_PARAMETERS = {"onnxruntime": "intra_op_thread_count", "preprocess": "threads"}


def check(repositories: Repositories, machine: Machine) -> Iterator[Finding]:
    """Findings about models that would start more threads than can run."""
    for model in repositories.steps:
        if model.backend in THREAD_PARAMETERS:
            yield from _of(model, machine)


def _of(model: Model, machine: Machine) -> Iterator[Finding]:
    parameter = THREAD_PARAMETERS[model.backend]
    asked = model.config.parameters[parameter].string_value if parameter in model.config.parameters else "0"
    if not asked.isdecimal():
        return  # refused by the backend, and found by the check of parameters
    instances, threads = cpu_instances(model, machine), machine.threads(int(asked))
    if instances * threads <= machine.core_limit:
        return
    each = max(1, int(machine.core_limit / instances))
    yield warning(
        model.config_path,
        f"{_counted(instances, 'instance')} of {_counted(threads, 'thread')} each on {_cores(machine)}",
        f"Lower instance_group's count, or set {parameter} to {each}: a model's threads should fit the cores.",
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _cores(machine: Machine) -> str:
    cores = _counted(machine.cores, "core")
    return (
        cores
        if machine.core_limit >= machine.cores
        else f"{cores}, of which the container may use {machine.core_limit:g}"
    )
