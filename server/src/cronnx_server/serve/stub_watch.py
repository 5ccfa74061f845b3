"""Python processes (stubs) that died or hold much shared memory, under a running server.

No version of Triton replaces a dead stub, and 24.10 does not reap it and calls its model ready. The shared memory of a
stub grows to what its largest requests need, and no version of Triton shrinks it. Loading the model again repairs both
while all others answer. The server keeps a dead instance and waits for it when it exits. A load creates new instances
only if the folder of a version has a newer time. If a stub is killed as it starts, that load and all later ones never
end: only a new server repairs that.
"""

from __future__ import annotations

import math
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
    """What a Python process serves.

    Attributes:
        version: The folder of the model version.
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


@dataclass
class _Child:
    """A process that the server has started and not reaped.

    Attributes:
        name: As in the process table.
        stub: What it serves, if it was seen at work.
        dead_since_s: When it was first seen dead; infinite while it lives.
        is_repaired: Whether its model was loaded again since it died.
    """

    name: str = ""
    stub: _Stub | None = None
    dead_since_s: float = math.inf
    is_repaired: bool = False

    @property
    def is_dead(self) -> bool:
        return self.dead_since_s < math.inf


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
        self._processes = Children(0, proc=proc)
        self._table: dict[int, _Child] = {}

    def watch(self, server: ServerProcess) -> float:
        """Look once, and return after how many seconds to look again."""
        self._look(server)
        dead = [each for each in self._table.values() if each.stub and each.is_dead and not each.is_repaired]
        certain = [each for each in dead if self._dead_for_s(each) >= CONFIRM_S]
        problem = self._repair(server, certain)
        if not problem:
            self._free_memory(server)
            problem = LOST if self._has_lost_one() else ""
        if problem and not server.is_stopping:
            progress.step(f"{problem}; ending the server")
            server.kill()
        return CONFIRM_S if len(dead) > len(certain) else PERIOD_S

    def _look(self, server: ServerProcess) -> None:
        if self._processes.parent != server.pid:
            self._processes, self._table = Children(server.pid, proc=self._proc), {}
        processes, now_s = self._processes.look(), self._clock()
        before, self._table = self._table, {}
        for pid, process in processes.items():
            child = before.get(pid)
            if child is None or (child.is_dead and not process.is_dead):  # the kernel gives an ID again
                child = _Child()
            child.name = process.name
            if process.is_dead:
                child.dead_since_s = min(child.dead_since_s, now_s)
            elif not child.stub:
                child.stub = self._stub(pid)
            self._table[pid] = child

    def _dead_for_s(self, child: _Child) -> float:
        return self._clock() - child.dead_since_s

    def _has_lost_one(self) -> bool:
        """Whether a process died before it was known which model it serves."""
        lost = (each for each in self._table.values() if not each.stub and each.name in STARTING)
        return any(self._dead_for_s(each) >= LOST_S for each in lost)

    def _stub(self, pid: int) -> _Stub | None:
        program, model_file, region, *_ = [*self._arguments(pid), "", "", ""]
        if Path(program).name != stub.NAME:  # a child that was just forked still runs the server's program
            return None
        return _Stub(Path(model_file).parent, self._regions / region.lstrip("/"), self._clock())

    def _repair(self, server: ServerProcess, dead: Iterable[_Child]) -> str:
        """Reload the models of these processes, and return why one could not be reloaded; empty if all were."""
        n_dead = sum(each.is_dead for each in self._table.values())
        for each in dead:
            each.is_repaired = True
        for model, versions in _by_model(each.stub for each in dead if each.stub).items():
            progress.step(f"A Python process of {model} died; reloading the model")
            too_many = f"{n_dead} Python processes have died" if n_dead > MOST_DEAD else ""
            problem = too_many or self._load(server, model, versions)
            if problem:
                return f"cannot reload {model}: {problem}"
        return ""

    def _free_memory(self, server: ServerProcess) -> None:
        now_s = self._clock()
        alive = [each.stub for each in self._table.values() if each.stub and not each.is_dead]
        old = [each for each in alive if now_s - each.since_s >= OLD_S]
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
