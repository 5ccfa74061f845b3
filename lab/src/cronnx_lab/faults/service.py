"""A `scripts/serve` to break, in its own mount namespace: a full disk affects nothing else."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from cronnx_lab.errors import MeasurementError
from cronnx_server import repository
from cronnx_server.errors import RepositoryError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, ROOT
from cronnx_server.serve.addresses import free_addresses
from cronnx_server.serve.process import is_ready

READY_S = 300.0
POLL_S = 0.05
SHARED_MEMORY = "64m"


def in_namespace(folder: str, *, size: str) -> list[str]:
    """The start of a command line whose program sees an empty file system of this size at `folder`."""
    mount_and_run = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", mount_and_run, "sh", size, folder]


class Service:
    """`scripts/serve`, started again and again at the same addresses."""

    def __init__(self, arguments: Sequence[str], log: Path, *, shared_memory: str = SHARED_MEMORY) -> None:
        """Start it for the first time.

        Args:
            arguments: The arguments of `scripts/serve` besides the addresses.
            log: The file for its log.
            shared_memory: The size of its /dev/shm, as `mount` takes it.
        """
        self.addresses = free_addresses()
        self._command = [
            *in_namespace("/dev/shm", size=shared_memory),  # noqa: S108 - where Linux keeps shared memory
            sys.executable,
            str(ROOT / "scripts" / "serve"),
            f"--http-port={self.addresses.http_port}",
            f"--grpc-port={self.addresses.grpc_port}",
            f"--metrics-port={self.addresses.metrics_port}",
            *arguments,
        ]
        self._log = log
        self.start()

    def start(self) -> None:
        """Start it, without waiting until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait_until_ready(self) -> None:
        """Wait until the server is ready.

        Raises:
            MeasurementError: It ended, or was not ready in time.
        """
        gives_up_s = time.monotonic() + READY_S
        while not is_ready(self.addresses):
            if self._process.poll() is not None or time.monotonic() > gives_up_s:
                raise MeasurementError(f"scripts/serve did not become ready; see {self._log}")
            time.sleep(POLL_S)

    @property
    def pid(self) -> int:
        """The process id of `scripts/serve`."""
        return self._process.pid

    def server(self) -> psutil.Process:
        """The running `tritonserver`."""
        return next(each for each in psutil.Process(self.pid).children() if each.name() == "tritonserver")

    def stubs(self) -> list[psutil.Process]:
        """The live Python processes of the server."""
        return [each for each in self.server().children() if _command(each)]

    def stub_of(self, model_name: str, model_version: str) -> psutil.Process:
        """The first live Python process of a model version.

        Raises:
            MeasurementError: There is none.
        """
        for each in self.stubs():
            if f"/{model_name}/{model_version}/" in _command(each):
                return each
        raise MeasurementError(
            f"expected a Python process for {model_name}/{model_version}, got none; is its backend Python-based?"
        )

    @property
    def shared_memory(self) -> Path:
        """Its /dev/shm, as seen from outside the namespace."""
        return Path(f"/proc/{self.pid}/root/dev/shm")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to `scripts/serve`."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end of `scripts/serve`; its exit status."""
        return self._process.wait()

    def stop(self) -> None:
        """End it and everything it started."""
        self.signal(signal.SIGTERM)
        self.wait()


def _command(process: psutil.Process) -> str:
    """The command line of a process; empty if it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # of one that nobody has collected too
        return ""


def copy_ensemble(ensemble: str, folder: Path) -> list[str]:
    """Copy an ensemble and its steps into a folder; returns the names of the steps.

    Raises:
        RepositoryError: The project has no such ensemble.
    """
    known = {**repository.models(MODEL_REPOSITORY), **repository.models(ENSEMBLES)}
    steps = repository.steps(repository.read_config(known[ensemble])) if ensemble in known else []
    if not steps:
        raise RepositoryError(f"expected one of {', '.join(repository.models(ENSEMBLES))}, got '{ensemble}'")
    for name in (ensemble, *steps):
        shutil.copytree(known[name], folder / name)
    return steps
