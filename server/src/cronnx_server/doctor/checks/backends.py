"""That every model has a backend, and that this takes its parameters."""

from __future__ import annotations

from collections.abc import Iterator

from cronnx_server.doctor.findings import Finding, error
from cronnx_server.doctor.machine import Machine
from cronnx_server.doctor.project_backends import READERS, REFUSALS, as_given_to_a_backend
from cronnx_server.doctor.repositories import Repositories


def check(repositories: Repositories, machine: Machine) -> Iterator[Finding]:
    """Findings about backends that are unknown here."""
    for model in repositories.steps:
        if not model.backend:
            yield error(
                model.config_path, "neither backend nor platform says what serves it", 'Add backend: "onnxruntime".'
            )
        elif model.backend not in machine.python_based:
            yield error(
                model.config_path,
                f"backend '{model.backend}' is not here; there are {', '.join(sorted(machine.python_based))}",
                "Correct the name, or serve where that backend is installed.",
            )


def parameters(repositories: Repositories) -> Iterator[Finding]:
    """Findings about what a backend of this project would refuse when it loads a model."""
    for model in repositories.steps:
        if reader := READERS.get(model.backend):
            try:
                reader(as_given_to_a_backend(model))
            except REFUSALS as refusal:
                yield error(model.config_path, str(refusal), "Correct it; the backend's README lists what it takes.")
