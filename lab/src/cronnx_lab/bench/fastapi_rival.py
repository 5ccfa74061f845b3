"""The rival: FastAPI and ONNX Runtime, a process a core, its connections spread as evenly as a balancer could."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from cronnx_lab.bench.in_process_limit import CORES
from cronnx_lab.load.asking import ask
from cronnx_lab.load.http_requests import to_fastapi
from cronnx_lab.measurement import Leg, Measurement
from cronnx_lab.pictures import PictureSet
from cronnx_lab.servers import Family

LOOPBACK = "127.0.0.1"


class FastApi:
    """The servers' addresses and processes."""

    def __init__(
        self,
        addresses: Sequence[tuple[str, int]],
        family: Family,
        *,
        pictures: dict[str, PictureSet],
        folder: Path,
    ) -> None:
        """Name what is there: `pictures` to ask for, and a `folder` for requests made beforehand."""
        self.addresses, self._family, self._pictures, self._folder = addresses, family, pictures, folder

    def measure(self, leg: Leg, *, seconds: float) -> Measurement:
        """Load them by the closed loop."""
        requests = [to_fastapi(image) for image in self._pictures[leg.pictures].contents()]
        return ask(self.addresses, requests, leg, seconds=seconds, family=self._family, folder=self._folder)


@contextlib.contextmanager
def serving(model: Path, *, size: int, pictures: dict[str, PictureSet], folder: Path) -> Iterator[FastApi]:
    """A process a core while this lasts; the first requests wait until they are ready.

    Args:
        model: its file.
        size: pixels of a side.
        pictures: what can be asked for.
        folder: for requests made beforehand.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(CORES)]
        pids = []
        for each in sockets:
            process = stack.enter_context(_started(each.fileno(), model, size))
            stack.callback(process.kill)
            pids.append(process.pid)
        yield FastApi([each.getsockname() for each in sockets], Family(pids), pictures=pictures, folder=folder)


def _started(descriptor: int, model: Path, size: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "cronnx_lab.bench.fastapi_server", str(descriptor), str(model), str(size)],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        start_new_session=True,
    )
