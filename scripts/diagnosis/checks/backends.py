"""That every model has a backend, and that this takes its parameters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.json_format import MessageToDict

from diagnosis.findings import Finding, error
from diagnosis.machine import Machine
from diagnosis.repositories import Model, Repositories
from local_server.paths import ROOT

# Where Triton finds them too: they are backends, not distributions.
sys.path += [str(ROOT / "preprocess_backend"), str(ROOT / "onnxruntime_backend")]
from cronnx_onnxruntime.errors import ConfigurationError
from cronnx_onnxruntime.settings import settings
from cronnx_preprocess import ConfigError, Options

READERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "onnxruntime": settings,
    "preprocess": Options.from_model_config,
}


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
                reader(_as_given_to_a_backend(model))
            except (ConfigError, ConfigurationError) as refusal:
                yield error(model.config_path, str(refusal), "Correct it; the backend's README lists what it takes.")


def _as_given_to_a_backend(model: Model) -> dict[str, Any]:
    fields: dict[str, Any] = MessageToDict(
        model.config, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return fields
