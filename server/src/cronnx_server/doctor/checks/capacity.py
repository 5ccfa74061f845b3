"""Checks that the machine has enough cores and shared memory.

Threads are compared with cores for each model alone: instances that wait for a request use no core.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tritonclient.grpc.model_config_pb2 import DataType, ModelInstanceGroup

from cronnx_server.doctor.findings import Finding, counted, error, warning
from cronnx_server.doctor.machine import SHARED_MEMORY, Machine
from cronnx_server.doctor.repositories import Model, Repositories, Tensor, element_count
from cronnx_server.model_config import (
    ELEMENT_BYTES,
    THREAD_PARAMETERS,
    ModelConfigJson,
    cpu_instances,
    instance_count,
)
from cronnx_server.repository import as_json

STUB_BYTES = 2**20
"""The shared memory of a stub when it starts: `shm-default-byte-size` in the python_backend's README."""

ENOUGH_FILES = 4096
"""Some thousand connections, and the files of libraries and models."""


def gpus(repositories: Repositories, machine: Machine) -> Iterator[Finding]:
    """Find models for GPUs on a machine without one."""
    for model in repositories.steps:
        needs_gpu = any(group.kind == ModelInstanceGroup.KIND_GPU for group in model.config.instance_group)
        if needs_gpu and not machine.gpus:
            yield error(
                model.config_path,
                "an instance_group of KIND_GPU, and no GPU",
                "Serve it on a machine with a GPU, or without this profile.",
            )


def threads(repositories: Repositories, machine: Machine) -> Iterator[Finding]:
    """Find models with more threads than there are cores."""
    for model in repositories.steps:
        if model.backend in THREAD_PARAMETERS:
            yield from _threads(model, machine)


def _threads(model: Model, machine: Machine) -> Iterator[Finding]:
    parameter = THREAD_PARAMETERS[model.backend]
    configured = model.config.parameters[parameter].string_value if parameter in model.config.parameters else "0"
    if not configured.isdecimal():
        return  # the backend refuses it, which the check of parameters finds
    if model.backend == "preprocess" and int(configured) == 0:
        return  # its instances share the cores that the container may use
    instances, per_instance = cpu_instances(_config(model), gpus=machine.gpus), machine.threads(int(configured))
    if instances * per_instance <= machine.core_limit:
        return
    fitting = max(1, int(machine.core_limit / instances))
    yield warning(
        model.config_path,
        f"{counted(instances, 'instance')} with {counted(per_instance, 'thread')} each on {_cores(machine)}",
        f"Lower the count of instance_group, or set {parameter} to {fitting}: all threads of a model should fit the "
        "cores.",
    )


def _cores(machine: Machine) -> str:
    cores = counted(machine.cores, "core")
    if machine.core_limit >= machine.cores:
        return cores
    return f"{cores}, of which the container may use {machine.core_limit:g}"


def shared_memory(repositories: Repositories, machine: Machine) -> Iterator[Finding]:
    """Find whether full batches in every Python instance need more shared memory than is free."""
    needed = sum(
        needed_bytes(model) * instance_count(_config(model), gpus=machine.gpus) * len(model.loaded_versions)
        for model in repositories.steps
        if machine.python_based.get(model.backend)
    )
    if needed > machine.shared_memory_free_bytes:
        yield error(
            SHARED_MEMORY,
            f"{machine.shared_memory_free_bytes / 2**20:.0f} MiB free; full batches in every Python instance need at "
            f"least {needed / 2**20:.0f} MiB",
            "Enlarge it: docker run --shm-size, or an emptyDir with medium: Memory in Kubernetes; or serve less.",
        )


def open_files(_: Repositories, machine: Machine) -> Iterator[Finding]:
    """Find whether the server may open too few files: each connection is one."""
    if machine.most_open_files < ENOUGH_FILES:
        yield warning(
            Path("/proc/self/limits"),
            f"a process may open {machine.most_open_files} files; about as many idle connections block the server",
            f"Raise the hard limit to {ENOUGH_FILES} or more: LimitNOFILE= of systemd, docker run --ulimit nofile, or "
            "/etc/security/limits.conf.",
        )


def needed_bytes(model: Model) -> int:
    """The shared memory of one instance with a full batch, in bytes, without strings, which have any size."""
    batch_size = max(1, int(model.config.max_batch_size))
    return STUB_BYTES + batch_size * sum(map(_at_least_bytes, (*model.config.input, *model.config.output)))


def _at_least_bytes(tensor: Tensor) -> int:
    return element_count(tensor.dims) * ELEMENT_BYTES.get(DataType.Name(tensor.data_type), 0)


def _config(model: Model) -> ModelConfigJson:
    return {**as_json(model.config), "backend": model.backend}
