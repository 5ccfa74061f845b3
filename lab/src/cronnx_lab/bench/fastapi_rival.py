"""The rival: FastAPI and ONNX Runtime, one process per core, with connections spread evenly over the processes."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cronnx_lab.bench.in_process_limit import CORES
from cronnx_lab.load.http_requests import to_fastapi
from cronnx_lab.load.target import Target, write
from cronnx_lab.measurement import Case, Measurement
from cronnx_lab.pictures import PictureSet
from cronnx_lab.servers import ProcessTree

LOOPBACK = "127.0.0.1"
CLASSIFIER, DETECTOR = "cronnx_lab.bench.fastapi_server", "cronnx_lab.bench.detector_server"
"""The module of a process, by what it serves."""


@dataclass(frozen=True)
class FastApiRival:
    """The running processes.

    Attributes:
        addresses: (host, port) of each.
        processes: The processes themselves.
        pictures: The sets of pictures to send, by name.
        folder: Receives the requests.
    """

    addresses: Sequence[tuple[str, int]]
    processes: ProcessTree
    pictures: Mapping[str, PictureSet]
    folder: Path

    def measure(self, case: Case, *, seconds: float) -> Measurement:
        """Measure the rival under the closed loop.

        Raises:
            MeasurementError: A process cannot be reached or closes a connection.
        """
        requests = write(map(to_fastapi, self.pictures[case.pictures].contents()), self.folder)
        target = Target(self.addresses, self.processes, requests)
        return target.measure(concurrency=case.concurrency, seconds=seconds)


@contextlib.contextmanager
def serve(
    model: Path, *, size: int, pictures: Mapping[str, PictureSet], folder: Path, module: str = CLASSIFIER
) -> Iterator[FastApiRival]:
    """Run one process per core; early requests wait until it is ready.

    Args:
        model: The model's file.
        size: The side of the model's input, in pixels.
        pictures: The sets of pictures to send, by name.
        folder: Receives the requests.
        module: The module of a process: CLASSIFIER or DETECTOR.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(CORES)]
        pids = []
        for each in sockets:
            process = stack.enter_context(_start(module, each.fileno(), model, size))
            stack.callback(process.kill)
            pids.append(process.pid)
        yield FastApiRival([each.getsockname() for each in sockets], ProcessTree(pids), pictures, folder)


def _start(module: str, descriptor: int, model: Path, size: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", module, str(descriptor), str(model), str(size)],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        start_new_session=True,
    )
