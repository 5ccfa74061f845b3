"""That the tensors on their way to and from Python stubs fit /dev/shm."""

from __future__ import annotations

from collections.abc import Iterator

from cronnx_server.doctor.checks.instances import all_instances
from cronnx_server.doctor.checks.tensors import at_least_bytes
from cronnx_server.doctor.findings import Finding, error
from cronnx_server.doctor.machine import SHARED_MEMORY, Machine
from cronnx_server.doctor.repositories import Model, Repositories

STUB_BYTES = 2**20
"""What a stub takes when it starts: `shm-default-byte-size` in the python_backend's README."""


def check(repositories: Repositories, machine: Machine) -> Iterator[Finding]:
    """A finding if a full batch in every instance needs more than is free."""
    python_based = [model for model in repositories.steps if machine.python_based.get(model.backend)]
    needed = sum(
        needed_bytes(model) * all_instances(model, machine) * len(model.loaded_versions) for model in python_based
    )
    if needed > machine.shared_memory_free_bytes:
        yield error(
            SHARED_MEMORY,
            f"{machine.shared_memory_free_bytes / 2**20:.0f} MiB free; full batches in every Python instance need at "
            f"least {needed / 2**20:.0f} MiB",
            "Give it more: docker run --shm-size, an emptyDir with medium: Memory in Kubernetes; or serve less.",
        )


def needed_bytes(model: Model) -> int:
    """The shared memory that one instance takes for a full batch, in bytes; strings are not counted."""
    batch_size = max(1, int(model.config.max_batch_size))
    return STUB_BYTES + batch_size * sum(map(at_least_bytes, (*model.config.input, *model.config.output)))
