"""A `scripts/serve` to break: in a mount namespace of its own, so that a full disk is nobody else's."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from cronnx_server.errors import SetupError
from cronnx_server.paths import ROOT
from cronnx_server.serve.addresses import free_addresses
from cronnx_server.serve.process import is_ready

READY_S = 300.0
POLL_S = 0.05
SHARED_MEMORY = "64m"


def in_namespace(folder: str, *, size: str) -> list[str]:
    """Begins a command line: what follows has a file system of this size, empty, at `folder`, and no other process."""
    mount_and_run = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", mount_and_run, "sh", size, folder]


class Service:
    """One `scripts/serve` after another, at the same addresses."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        """Start the first.

        Args:
            arguments: for `scripts/serve`, besides the addresses.
            log: where its log goes, and the server's.
        """
        self.addresses = free_addresses()
        self._command = [
            *in_namespace("/dev/shm", size=SHARED_MEMORY),  # noqa: S108 - where Linux keeps shared memory
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
        """Start it; it is not ready yet."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait_until_ready(self) -> None:
        """Return when it answers.

        Raises:
            SetupError: it ended before, or did not for minutes.
        """
        gives_up_s = time.monotonic() + READY_S
        while not is_ready(self.addresses):
            if self._process.poll() is not None or time.monotonic() > gives_up_s:
                raise SetupError(f"scripts/serve was not ready; {self._log} says why")
            time.sleep(POLL_S)

    @property
    def pid(self) -> int:
        """Of `scripts/serve`."""
        return self._process.pid

    def server(self) -> psutil.Process:
        """The `tritonserver` that runs now."""
        return next(each for each in psutil.Process(self.pid).children() if each.name() == "tritonserver")

    def stubs(self) -> list[psutil.Process]:
        """Its Python processes that live."""
        return [each for each in self.server().children() if each.status() != psutil.STATUS_ZOMBIE]

    def stub_of(self, model_name: str, model_version: str) -> psutil.Process:
        """The first of a version's that lives.

        Raises:
            SetupError: there is none.
        """
        for each in self.stubs():
            if f"/{model_name}/{model_version}/" in " ".join(each.cmdline()):
                return each
        raise SetupError(f"no Python process serves {model_name}/{model_version}: is its backend another?")

    @property
    def shared_memory(self) -> Path:
        """Its /dev/shm, seen from outside."""
        return Path(f"/proc/{self.pid}/root/dev/shm")

    def signal(self, number: signal.Signals) -> None:
        """Send one to `scripts/serve`."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """The exit status of `scripts/serve`, when it has one."""
        return self._process.wait()

    def stop(self) -> None:
        """End it and what it has started."""
        self.signal(signal.SIGTERM)
        self.wait()
