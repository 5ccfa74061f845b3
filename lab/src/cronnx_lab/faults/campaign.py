"""One fault after another, on one service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cronnx_lab.faults import drill, repository
from cronnx_lab.faults.drills import drills
from cronnx_lab.faults.service import Service
from cronnx_server.paths import PICTURES


def campaign(model_name: str, protocol: str, *, folder: Path, log: Path) -> Iterator[drill.Outcome]:
    """Serve a copy of an ensemble in `folder` and break it in every way there is.

    Args:
        model_name: an ensemble.
        protocol: `grpc` or `http`.
        folder: for the copy.
        log: of the servers.

    Raises:
        SetupError: there is no such ensemble, or it cannot be served.
    """
    image = (PICTURES / "coffee.jpg").read_bytes()
    steps = repository.copy(model_name, folder)
    service = Service([f"--model-repository={folder}"], log)
    try:
        service.wait_until_ready()
        url = str(getattr(service.addresses, protocol))
        for each in drills(steps, repository=folder):
            yield drill.run(each, service, url=url, model_name=model_name, image=image)
    finally:
        service.stop()
