"""Checks that every model has a backend, that the backend accepts its parameters, and that Python stubs can start."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cronnx_onnxruntime.errors
import cronnx_onnxruntime.settings
import cronnx_preprocess
import cronnx_router
from cronnx_server.doctor.findings import Finding, error
from cronnx_server.doctor.machine import Machine
from cronnx_server.doctor.repositories import Repositories
from cronnx_server.repository import ROUTER, as_json

READERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "onnxruntime": cronnx_onnxruntime.settings.settings,
    "preprocess": cronnx_preprocess.Options.from_model_config,
    ROUTER: cronnx_router.Options.from_model_config,
}
"""How each backend of this project reads a configuration."""
REFUSALS = (
    cronnx_onnxruntime.errors.ConfigError,
    cronnx_preprocess.ConfigError,
    cronnx_router.ConfigError,
)


def installed(repositories: Repositories, machine: Machine) -> Iterator[Finding]:
    """Find models whose backend is not installed."""
    for model in repositories.steps:
        if not model.backend:
            yield error(model.config_path, "neither backend nor platform is set", 'Add backend: "onnxruntime".')
        elif model.backend not in machine.python_based:
            yield error(
                model.config_path,
                f"backend '{model.backend}' is not installed; there are {', '.join(sorted(machine.python_based))}",
                "Correct the name, or serve where that backend is installed.",
            )


def parameters(repositories: Repositories) -> Iterator[Finding]:
    """Find configurations that a backend of this project refuses when it loads the model."""
    for model in repositories.steps:
        if reader := READERS.get(model.backend):
            try:
                reader(as_json(model.config))
            except REFUSALS as refusal:
                yield error(model.config_path, str(refusal), "Correct it; the backend's README lists its parameters.")


def python_library(repositories: Repositories, machine: Machine) -> Iterator[Finding]:
    """Find whether a model needs a Python stub that cannot start because a library is missing."""
    needed = any(machine.python_based.get(model.backend) for model in repositories.steps)
    if needed and machine.missing_library:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        yield error(
            Path(sys.executable),
            f"{machine.missing_library} is missing; no Python backend can start",
            f"apt-get install libpython{version}, or use a Python built with --enable-shared.",
        )
