"""Python processes (stubs) that died under a server that runs.

Triton 24.10 starts no other in its place, collects it never, and calls its model ready. What helps is to load the model
anew, beside which all others answer on; the server keeps the dead instance, and at its end waits for it in vain. A load
makes new instances only where the folder of a version has a newer time. Later versions of Triton mend this themselves.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from cronnx_server import progress
from cronnx_server.key import HEADER
from cronnx_server.serve import stub
from cronnx_server.serve.access import Key
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.process import ServerProcess
from cronnx_server.serve.restarts import Restarts

LOAD_S = 120.0


class DeadStubs:
    """Finds them, and loads their models anew; where that does not help or not for long, it ends the server."""

    def __init__(
        self,
        addresses: Addresses,
        *,
        key: Key | None = None,
        restarts: Restarts | None = None,
        proc: Path = Path("/proc"),
    ) -> None:
        """Make one.

        Args:
            addresses: where the servers listen, one after another.
            key: what a load takes; nothing where None.
            restarts: how many loads are made before a server is ended instead.
            proc: the process table.
        """
        self._addresses = addresses
        self._headers = {HEADER: key.text} if key else {}
        self._restarts = restarts or Restarts()
        self._proc = proc
        self._versions: dict[int, Path] = {}
        self._suspects: set[int] = set()

    def watch(self, server: ServerProcess) -> None:
        """Look once: a process that is dead at two looks is dead, and not just being collected."""
        children = self._children(server.pid)
        dead = {pid for pid in children if self._is_dead(pid)}
        self._versions = {pid: version for pid, version in self._versions.items() if pid in children}
        for pid in children - dead - set(self._versions):
            program, model_file, *_ = [*self._arguments(pid), "", ""]
            if Path(program).name == stub.NAME:  # and not the server that is about to become one
                self._versions[pid] = Path(model_file).parent
        certain = {pid for pid in dead & self._suspects if pid in self._versions}
        self._suspects = dead
        versions = {self._versions.pop(pid) for pid in certain}
        for folder in sorted({version.parent for version in versions}):
            self._mend(server, folder, [version for version in versions if version.parent == folder])

    def _mend(self, server: ServerProcess, folder: Path, versions: Iterable[Path]) -> None:
        progress.step(f"A Python process of {folder.name} died; loading the model anew")
        too_often = self._restarts.next_pause_s() is None
        problem = "it died too often" if too_often else self._load(server, folder.name, versions)
        if problem:
            progress.step(f"{folder.name} cannot be loaded anew: {problem}; ending the server instead")
            server.kill()

    def _load(self, server: ServerProcess, model_name: str, versions: Iterable[Path]) -> str:
        """Why it could not be loaded; nothing where it was."""
        connection = HTTPConnection(self._addresses.http.removeprefix("http://"), timeout=LOAD_S)
        try:
            for version in versions:
                os.utime(version)
            connection.request("POST", f"/v2/repository/models/{model_name}/load", b"{}", self._headers)
            if not server.answers_within(LOAD_S, connection.sock):
                return f"no answer within {LOAD_S:g} s"
            answer = connection.getresponse()
            return (
                ""
                if answer.status == HTTPStatus.OK
                else f"HTTP {answer.status} {answer.read().decode(errors='replace')}"
            )
        except (OSError, HTTPException) as error:
            return str(error)
        finally:
            connection.close()

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
