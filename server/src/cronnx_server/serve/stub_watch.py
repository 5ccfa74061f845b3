"""Python processes (stubs) that died or hold much shared memory, under a running server.

No version of Triton replaces a dead stub, and 24.10 does not reap it and calls its model ready. The shared memory of a
stub grows to what its largest requests need, and no version of Triton shrinks it. Loading the model again repairs both
while all others answer. The server keeps a dead instance and waits for it when it exits. A load creates new instances
only if the folder of a version has a newer time. If a stub is killed as it starts, that load and all later ones never
end: only a new server repairs that.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from cronnx_server import progress
from cronnx_server.errors import NoAnswerError
from cronnx_server.serve import shared_memory, stub
from cronnx_server.serve.access import Key
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.process import ServerProcess
from cronnx_server.serve.process_table import NAME_LENGTH, PROC, Children
from cronnx_server.triton_http import TritonHttp

PERIOD_S = 1.0
CONFIRM_S = 0.5
"""How long a process must be dead: until then the server may reap it, as it does when it unloads a model."""
LOST_S = 5.0
"""How long a process that was never seen at work must be dead: a load that fails reaps its processes sooner."""
LOAD_TIMEOUT_S = 120.0
MOST_DEAD = 50
GROWN_BYTES = 128 * 2**20
OLD_S = 60.0
STARTING = {stub.NAME[:NAME_LENGTH], "tritonserver"}
"""The names of a stub, and of one that has not begun its program."""
LOST = "a Python process died while its model was loaded, and the load will not end"


@dataclass
class _Stub:
    """A live Python process.

    Attributes:
        version: The folder of the model version that it serves.
        region: The file of its shared memory.
        since_s: When it was first seen; a model is not reloaded for its memory before `OLD_S` have passed.
    """

    version: Path
    region: Path
    since_s: float

    def region_bytes(self) -> int:
        try:
            return self.region.stat().st_size
        except OSError:
            return 0


class StubWatch:
    """Reloads models whose stubs died or grew; kills the server if that fails or too many died."""

    def __init__(
        self,
        addresses: Addresses,
        *,
        key: Key | None = None,
        proc: Path = PROC,
        regions: Path = shared_memory.FOLDER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; `watch` looks at the stubs.

        Args:
            addresses: Where the servers listen, one after another.
            key: The key that a load must carry; None if the server requires none.
            proc: The process table.
            regions: The folder of the shared memory.
            clock: Returns the time in seconds.
        """
        self._addresses = addresses
        self._key = key.text if key else ""
        self._proc, self._regions, self._clock = proc, regions, clock
        self._children = Children(0, proc=proc)
        self._stubs: dict[int, _Stub] = {}
        self._known: set[int] = set()
        self._unknown: set[int] = set()
        self._dead_since_s: dict[int, float] = {}

    def watch(self, server: ServerProcess) -> float:
        """Look once, and return after how many seconds to look again."""
        self._look(server)
        dead = self._dead_since_s.keys() & self._stubs.keys()
        certain = {pid for pid in dead if self._dead_for_s(pid) >= CONFIRM_S}
        problem = self._repair(server, [self._stubs.pop(pid) for pid in certain], n_dead=len(self._dead_since_s))
        if not problem:
            self._free_memory(server)
            problem = LOST if self._has_lost_one() else ""
        if problem and not server.is_stopping:
            progress.step(f"{problem}; ending the server")
            server.kill()
        return CONFIRM_S if dead - certain else PERIOD_S

    def _look(self, server: ServerProcess) -> None:
        if self._children.parent != server.pid:
            self._children = Children(server.pid, proc=self._proc)
            self._stubs, self._known, self._dead_since_s = {}, set(), {}
        children, now_s = self._children.look(), self._clock()
        dead = {pid for pid, each in children.items() if each.is_dead}
        self._stubs = {pid: each for pid, each in self._stubs.items() if pid in children}
        self._find(children.keys() - dead)
        self._known = (self._known & children.keys()) | self._stubs.keys()
        self._unknown = {pid for pid in dead - self._known if children[pid].name in STARTING}
        self._dead_since_s = {pid: self._dead_since_s.get(pid, now_s) for pid in dead}

    def _dead_for_s(self, pid: int) -> float:
        return self._clock() - self._dead_since_s[pid]

    def _has_lost_one(self) -> bool:
        """Whether a process died before it was known which model it serves."""
        return any(self._dead_for_s(pid) >= LOST_S for pid in self._unknown)

    def _find(self, alive: Iterable[int]) -> None:
        for pid in set(alive) - self._stubs.keys():
            program, model_file, region, *_ = [*self._arguments(pid), "", "", ""]
            if Path(program).name == stub.NAME:  # a child that was just forked still runs the server's
                self._stubs[pid] = _Stub(Path(model_file).parent, self._regions / region.lstrip("/"), self._clock())

    def _repair(self, server: ServerProcess, dead: Iterable[_Stub], *, n_dead: int) -> str:
        """Reload the models of these stubs, and return why one could not be reloaded; empty if all were."""
        for model, versions in _by_model(dead).items():
            progress.step(f"A Python process of {model} died; reloading the model")
            too_many = f"{n_dead} Python processes have died" if n_dead > MOST_DEAD else ""
            problem = too_many or self._load(server, model, versions)
            if problem:
                return f"cannot reload {model}: {problem}"
        return ""

    def _free_memory(self, server: ServerProcess) -> None:
        now_s = self._clock()
        old = [each for each in self._stubs.values() if now_s - each.since_s >= OLD_S]
        grown = [each for each in old if each.region_bytes() > GROWN_BYTES]
        for each in grown:
            each.since_s = now_s
        for model, versions in _by_model(grown).items():
            progress.step(f"{model} holds over {GROWN_BYTES >> 20} MiB of shared memory; reloading it")
            if problem := self._load(server, model, versions):
                progress.step(f"cannot reload {model}: {problem}; it goes on with the memory it has")

    def _load(self, server: ServerProcess, model_name: str, versions: Iterable[Path]) -> str:
        """Load a model, and return why it could not be loaded; empty if it was."""
        try:
            for version in versions:
                os.utime(version)
            with TritonHttp(self._addresses.http, timeout_s=LOAD_TIMEOUT_S, key=self._key) as triton:
                triton.send(f"/v2/repository/models/{model_name}/load", b"{}")
                if problem := self._problem_until_answer(server, triton.fileno()):
                    return problem
                status, answer = triton.receive()
        except (OSError, NoAnswerError) as error:
            return str(error)
        return "" if status == HTTPStatus.OK else f"HTTP {status} {answer.decode(errors='replace')}"

    def _problem_until_answer(self, server: ServerProcess, descriptor: int) -> str:
        """Wait until `descriptor` can be read, and return why it cannot; empty if it can."""
        gives_up_s = self._clock() + LOAD_TIMEOUT_S
        while not server.answers_within(PERIOD_S, descriptor):
            self._look(server)
            if server.is_stopping or server.ends_within(0):
                return "the server ended"
            if self._has_lost_one():
                return LOST
            if self._clock() >= gives_up_s:
                return f"no answer within {LOAD_TIMEOUT_S:g} s"
        return ""

    def _arguments(self, pid: int) -> list[str]:
        try:
            return (self._proc / str(pid) / "cmdline").read_text(errors="replace").split("\0")
        except OSError:
            return []


def _by_model(stubs: Iterable[_Stub]) -> dict[str, list[Path]]:
    """The folders of the stubs' versions, by the name of the model."""
    found: dict[str, list[Path]] = {}
    for version in sorted({each.version for each in stubs}):
        found.setdefault(version.parent.name, []).append(version)
    return found
