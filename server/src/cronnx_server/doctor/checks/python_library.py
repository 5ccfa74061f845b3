"""That Triton's Python stubs can start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from cronnx_server.doctor.findings import Finding, error
from cronnx_server.doctor.machine import Machine
from cronnx_server.doctor.repositories import Repositories


def check(repositories: Repositories, machine: Machine) -> Iterator[Finding]:
    """A finding if a model needs a stub, and the stub a library that is not here."""
    needed = any(machine.python_based.get(model.backend) for model in repositories.steps)
    if needed and machine.missing_library:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        yield error(
            Path(sys.executable),
            f"{machine.missing_library} is missing; no Python backend can start",
            f"apt-get install libpython{version}, or use a Python built with --enable-shared.",
        )
