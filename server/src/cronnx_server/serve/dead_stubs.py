"""Python processes (stubs) that died under a running server.

Triton 24.10 does not replace a dead stub, does not reap it, and calls its model ready. Loading the model again repairs
it while all others answer. The server keeps the dead instance and waits for it when it exits. A load creates new
instances only if the folder of a version has a newer time. Later versions of Triton restart stubs themselves.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path

from cronnx_server import progress
from cronnx_server.errors import NoAnswerError
from cronnx_server.serve import stub
from cronnx_server.serve.access import Key
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.process import ServerProcess
from cronnx_server.serve.supervisor import RestartPolicy
from cronnx_server.triton_http import TritonHttp

LOAD_TIMEOUT_S = 120.0


class DeadStubs:
    """Finds dead stubs and reloads their models; kills the server if a reload fails or stubs die too often."""

    def __init__(
        self,
        addresses: Addresses,
        *,
        key: Key | None = None,
        restarts: RestartPolicy | None = None,
        proc: Path = Path("/proc"),
    ) -> None:
        """Prepare; `watch` looks for dead stubs.

        Args:
            addresses: Where the servers listen, one after another.
            key: The key that a load must carry; None if the server requires none.
            restarts: How many reloads are made before the server is killed instead.
            proc: The process table.
        """
        self._addresses = addresses
        self._key = key.text if key else ""
        self._restarts = restarts or RestartPolicy()
        self._proc = proc
        self._versions: dict[int, Path] = {}
        self._suspects: set[int] = set()

    def watch(self, server: ServerProcess) -> None:
        """Look once. A process counts as dead if two looks find it so: between them the server may reap it."""
        children = self._children(server.pid)
        dead = {pid for pid in children if self._is_dead(pid)}
        self._versions = {pid: version for pid, version in self._versions.items() if pid in children}
        for pid in children - dead - set(self._versions):
            program, model_file, *_ = [*self._arguments(pid), "", ""]
            if Path(program).name == stub.NAME:  # a child that was just forked still runs the server's
                self._versions[pid] = Path(model_file).parent
        certain = {pid for pid in dead & self._suspects if pid in self._versions}
        self._suspects = dead
        versions = {self._versions.pop(pid) for pid in certain}
        for folder in sorted({version.parent for version in versions}):
            self._repair(server, folder.name, [version for version in versions if version.parent == folder])

    def _repair(self, server: ServerProcess, model_name: str, versions: Iterable[Path]) -> None:
        progress.step(f"A Python process of {model_name} died; reloading the model")
        too_often = self._restarts.next_pause_s() is None
        problem = "its processes died too often" if too_often else self._load(server, model_name, versions)
        if problem:
            progress.step(f"cannot reload {model_name}: {problem}; ending the server instead")
            server.kill()

    def _load(self, server: ServerProcess, model_name: str, versions: Iterable[Path]) -> str:
        """Load a model, and return why it could not be loaded; empty if it was."""
        try:
            for version in versions:
                os.utime(version)
            with TritonHttp(self._addresses.http, timeout_s=LOAD_TIMEOUT_S, key=self._key) as triton:
                triton.send(f"/v2/repository/models/{model_name}/load", b"{}")
                if not server.answers_within(LOAD_TIMEOUT_S, triton.fileno()):
                    return f"no answer within {LOAD_TIMEOUT_S:g} s"
                status, answer = triton.receive()
        except (OSError, NoAnswerError) as error:
            return str(error)
        return "" if status == HTTPStatus.OK else f"HTTP {status} {answer.decode(errors='replace')}"

    def _children(self, pid: int) -> set[int]:
        found: set[int] = set()
        for thread in self._proc.glob(f"{pid}/task/*/children"):
            with contextlib.suppress(OSError):  # the thread has ended
                found |= set(map(int, thread.read_text().split()))
        return found

    def _is_dead(self, pid: int) -> bool:
        try:
            state = (self._proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state == "Z"

    def _arguments(self, pid: int) -> list[str]:
        try:
            return (self._proc / str(pid) / "cmdline").read_text(errors="replace").split("\0")
        except OSError:
            return []
