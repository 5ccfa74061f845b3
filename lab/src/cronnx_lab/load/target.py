"""A running server together with the requests to load it with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cronnx_lab import pictures
from cronnx_lab.load import runner
from cronnx_lab.load.answers import OK, WARM_UP_S, Answers, Order, speed
from cronnx_lab.load.http_requests import to_triton
from cronnx_lab.measurement import Measurement
from cronnx_lab.servers import ProcessTree, TritonServer, triton_server
from cronnx_server import environment
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY


@dataclass(frozen=True)
class Target:
    """What a load generator is pointed at.

    Attributes:
        addresses: (host, port) of the server's processes.
        processes: The processes whose CPU time and memory are measured.
        requests: Files with one whole HTTP request each.
    """

    addresses: Sequence[tuple[str, int]]
    processes: ProcessTree
    requests: Sequence[str]

    def closed_loop(self, *, concurrency: int, seconds: float) -> Answers:
        """Keep `concurrency` requests in flight.

        Raises:
            MeasurementError: The server cannot be reached or closes a connection.
        """
        return runner.generate(self._order(seconds, concurrency=concurrency), self.processes)[0]

    def open_loop(self, *, rate_per_s: float, seconds: float) -> Answers:
        """Send `rate_per_s` requests a second, whether or not they are answered.

        Raises:
            MeasurementError: The server cannot be reached.
        """
        return runner.generate(self._order(seconds, rate_per_s=rate_per_s), self.processes)[0]

    def measure(self, *, concurrency: int, seconds: float) -> Measurement:
        """Measure the server under a closed loop for `seconds` after the warm-up.

        Raises:
            MeasurementError: The server cannot be reached or closes a connection.
        """
        answers, usage = runner.generate(self._order(WARM_UP_S + seconds, concurrency=concurrency), self.processes)
        spans = answers.spans(OK)
        measured = speed(spans, seconds=seconds, drained=True)
        return Measurement(
            images_per_s=measured.images_per_s,
            latencies_s=measured.latencies_s,
            answered=len(spans),
            failed=len(answers.answers) - len(spans),
            cpu_s=usage.cpu_s,
            generator_cpu_s=answers.cpu_s,
            pss_bytes=usage.pss_bytes,
        )

    def _order(self, seconds: float, *, concurrency: int = 0, rate_per_s: float = 0.0) -> Order:
        return Order(list(self.addresses), list(self.requests), seconds, concurrency, rate_per_s)


def triton_target(server: TritonServer, model: str, images: Iterable[bytes], *, folder: Path) -> Target:
    """Point at one ensemble of a Triton server.

    Args:
        server: The server.
        model: The name of the ensemble.
        images: The image files to send, in rotation.
        folder: Receives the requests.
    """
    address = (server.addresses.address, server.addresses.http_port)
    return Target([address], server.processes, write((to_triton(model, image) for image in images), folder))


@contextlib.contextmanager
def serve(model: str, *, picture_set: str, folder: Path) -> Iterator[Target]:
    """Serve one of the project's ensembles, with the models that it calls.

    Args:
        model: The name of the ensemble; it is built if necessary.
        picture_set: The pictures to send, one of `cronnx_lab.pictures.SETS`.
        folder: Receives the requests.

    Raises:
        CommandError: The ensemble cannot be built or served.
    """
    with environment.setup_lock():
        names = build_missing([model])
    images = pictures.make(picture_set, folder).contents()
    with triton_server([MODEL_REPOSITORY, ENSEMBLES], names) as server:
        yield triton_target(server, model, images, folder=folder)


def write(requests: Iterable[bytes], folder: Path) -> list[str]:
    """Write each request to a file of `folder`, which is created; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, request in enumerate(requests):
        path = folder / f"request-{number}"
        path.write_bytes(request)
        paths.append(str(path))
    return paths
