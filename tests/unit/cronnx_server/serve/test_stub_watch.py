"""Which processes of a server count as dead, and how their models are repaired."""

from __future__ import annotations

import http.server
import os
import select
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cronnx_server.key import HEADER
from cronnx_server.serve.access import Key
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.stub_watch import (
    CONFIRM_S,
    GROWN_BYTES,
    LOAD_TIMEOUT_S,
    LOST_S,
    MOST_DEAD,
    OLD_S,
    PERIOD_S,
    StubWatch,
)

SERVER_PID = 1000


@dataclass
class Server:
    """A server in a process table that the test writes."""

    proc: Path
    pid: int = SERVER_PID
    was_killed: bool = False
    is_stopping: bool = False
    now_s: float = 0.0
    answers: bool = True

    def clock(self) -> float:
        return self.now_s

    def kill(self) -> None:
        self.was_killed = True

    def ends_within(self, timeout_s: float) -> bool:  # noqa: ARG002 - it lives
        return self.was_killed

    def answers_within(self, timeout_s: float, descriptor: int) -> bool:
        if not self.answers:
            self.now_s += timeout_s
            return False
        return bool(select.select([descriptor], [], [], timeout_s)[0])

    def has(self, pid: int, state: str, *arguments: object, name: str = "a (python) b") -> None:
        """Give it a child in a state as `ps` names it, with a command line if it is alive."""
        (self.proc / str(pid)).mkdir(exist_ok=True)
        (self.proc / str(pid) / "stat").write_text(f"{pid} ({name}) {state} {SERVER_PID} 1")
        (self.proc / str(pid) / "cmdline").write_text("".join(f"{each}\0" for each in arguments))


@dataclass
class Loads:
    """Records the requests to the repository API."""

    addresses: Addresses
    status: int = 200
    asked: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


@pytest.fixture
def loads() -> Iterator[Loads]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.asked.append(self.path)
            seen.keys.append(self.headers[HEADER])
            self.send_response(seen.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        seen = Loads(Addresses(http_port=server.server_port))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield seen
        server.shutdown()
        thread.join()


@pytest.fixture
def server(tmp_path: Path) -> Server:
    (tmp_path / "proc").mkdir()
    return Server(tmp_path / "proc")


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """The folder of a model's version, with the oldest possible time."""
    folder = tmp_path / "toy_onnx" / "2"
    folder.mkdir(parents=True)
    os.utime(folder, (0, 0))
    return folder


STUB = "/opt/python/triton_python_backend_stub"
STARTED = "triton_python_b"


def looks(stubs: StubWatch, server: Server, count: int) -> list[float]:
    """Look, each time when the look before asked for it; what they asked for."""
    asked = []
    for _ in range(count):
        asked.append(stubs.watch(server))
        server.now_s += asked[-1]
    return asked


def test_the_model_of_a_stub_that_stays_dead_is_loaded_anew_once(server: Server, version: Path, loads: Loads) -> None:
    stubs = StubWatch(loads.addresses, proc=server.proc, clock=server.clock)
    server.has(7, "S", STUB, version / "model.onnx")
    assert stubs.watch(server) == PERIOD_S
    server.has(7, "Z")
    assert looks(stubs, server, 4) == [CONFIRM_S, PERIOD_S, PERIOD_S, PERIOD_S]
    assert loads.asked == ["/v2/repository/models/toy_onnx/load"]
    assert version.stat().st_mtime > 0, "Triton would not load what is as old as before"
    assert not server.was_killed


def test_a_load_brings_the_key_that_it_takes(server: Server, version: Path, loads: Loads) -> None:
    stubs = StubWatch(loads.addresses, key=Key("0123456789abcdef", "$CRONNX_KEY"), proc=server.proc, clock=server.clock)
    server.has(7, "S", STUB, version / "model.onnx")
    stubs.watch(server)
    server.has(7, "Z")
    looks(stubs, server, 2)
    assert loads.keys == ["0123456789abcdef"]


def test_a_stub_is_not_dead_before_its_time_however_often_it_is_looked_at(
    server: Server, version: Path, loads: Loads
) -> None:
    stubs = StubWatch(loads.addresses, proc=server.proc, clock=server.clock)
    server.has(7, "S", STUB, version / "model.onnx")
    stubs.watch(server)
    server.has(7, "Z")
    for server.now_s in (0.0, CONFIRM_S / 2, 0.99 * CONFIRM_S):
        assert stubs.watch(server) == CONFIRM_S
    assert loads.asked == []


def test_a_stub_that_the_server_reaps_is_not_dead(server: Server, version: Path, loads: Loads) -> None:
    stubs = StubWatch(loads.addresses, proc=server.proc, clock=server.clock)
    server.has(7, "S", STUB, version / "model.onnx")
    stubs.watch(server)
    server.has(7, "Z")
    stubs.watch(server)
    shutil.rmtree(server.proc / "7")
    stubs.watch(server)
    assert loads.asked == []


def test_a_process_that_gets_the_id_of_a_dead_one_is_a_new_one(server: Server, version: Path, loads: Loads) -> None:
    stubs = StubWatch(loads.addresses, proc=server.proc, clock=server.clock)
    for _ in range(2):
        server.has(7, "S", STUB, version / "model.onnx")
        looks(stubs, server, 2)
        server.has(7, "Z")
        looks(stubs, server, 2)
    assert loads.asked == ["/v2/repository/models/toy_onnx/load"] * 2


def test_a_process_that_has_just_been_forked_is_looked_at_again(server: Server, version: Path, loads: Loads) -> None:
    stubs = StubWatch(loads.addresses, proc=server.proc, clock=server.clock)
    server.has(7, "S", "/bin/tritonserver", "--id=1")
    stubs.watch(server)
    server.has(7, "S", STUB, version / "model.onnx")
    stubs.watch(server)
    server.has(7, "Z")
    looks(stubs, server, 2)
    assert len(loads.asked) == 1


@pytest.mark.parametrize(("dead_s", "was_killed"), [(0.0, False), (0.9 * LOST_S, False), (LOST_S, True)])
def test_a_server_that_does_not_reap_a_process_which_died_at_its_start_is_ended(
    server: Server, loads: Loads, dead_s: float, was_killed: bool
) -> None:
    stubs = StubWatch(loads.addresses, proc=server.proc, clock=server.clock)
    server.has(7, "Z", name=STARTED)
    stubs.watch(server)
    server.now_s = dead_s
    stubs.watch(server)
    assert server.was_killed == was_killed
    assert loads.asked == []


@pytest.mark.parametrize(("lost", "ends_s"), [(True, LOST_S), (False, LOAD_TIMEOUT_S)])
def test_a_load_that_does_not_end_is_given_up(
    server: Server, version: Path, loads: Loads, lost: bool, ends_s: float
) -> None:
    stubs = StubWatch(loads.addresses, proc=server.proc, clock=server.clock)
    server.has(7, "S", STUB, version / "model.onnx")
    stubs.watch(server)
    server.has(7, "Z")
    if lost:
        server.has(8, "Z", name=STARTED)
    server.answers = False
    looks(stubs, server, 2)
    assert server.was_killed
    assert ends_s <= server.now_s < ends_s + 2 * (CONFIRM_S + PERIOD_S)


def test_a_server_that_stops_is_left_to_finish_its_requests(server: Server, version: Path, loads: Loads) -> None:
    stubs = StubWatch(loads.addresses, proc=server.proc, clock=server.clock)
    server.has(7, "S", STUB, version / "model.onnx")
    stubs.watch(server)
    server.has(7, "Z")
    server.answers, server.is_stopping = False, True
    looks(stubs, server, 2)
    assert server.now_s < 5 * PERIOD_S
    assert not server.was_killed


def test_a_child_that_is_no_stub_is_left_alone(server: Server, loads: Loads) -> None:
    stubs = StubWatch(loads.addresses, proc=server.proc, clock=server.clock)
    server.has(7, "Z", name="a helper")
    stubs.watch(server)
    server.now_s = 2 * LOST_S
    stubs.watch(server)
    assert not server.was_killed


def test_a_server_whose_model_cannot_be_loaded_is_ended(server: Server, version: Path, loads: Loads) -> None:
    loads.status = 400
    stubs = StubWatch(loads.addresses, proc=server.proc, clock=server.clock)
    server.has(7, "S", STUB, version / "model.onnx")
    stubs.watch(server)
    server.has(7, "Z")
    looks(stubs, server, 2)
    assert server.was_killed


def test_a_server_whose_stubs_die_again_and_again_is_ended(server: Server, version: Path, loads: Loads) -> None:
    stubs = StubWatch(loads.addresses, proc=server.proc, clock=server.clock)
    for pid in range(7, 7 + MOST_DEAD + 1):
        assert not server.was_killed
        server.has(pid, "S", STUB, version / "model.onnx")
        stubs.watch(server)
        server.has(pid, "Z")
        looks(stubs, server, 2)
    assert len(loads.asked) == MOST_DEAD
    assert server.was_killed


@pytest.mark.parametrize(
    ("grown_bytes", "age_s", "loads_expected"),
    [(1, 2 * OLD_S - 1, 1), (1, 2 * OLD_S, 2), (1, OLD_S - 1, 0), (0, 2 * OLD_S, 0)],
    ids=["grown and old", "still grown later", "grown and young", "old and small"],
)
@pytest.mark.parametrize("status", [200, 400])
def test_a_model_whose_shared_memory_grew_is_reloaded_now_and_then(
    server: Server,
    version: Path,
    loads: Loads,
    tmp_path: Path,
    grown_bytes: int,
    age_s: float,
    loads_expected: int,
    status: int,
) -> None:
    loads.status = status
    with (tmp_path / "region").open("wb") as region:
        region.truncate(GROWN_BYTES + grown_bytes)
    stubs = StubWatch(loads.addresses, proc=server.proc, regions=tmp_path, clock=server.clock)
    server.has(7, "S", STUB, version / "model.onnx", "/region")
    for server.now_s in range(int(age_s) + 1):
        stubs.watch(server)
    assert loads.asked == ["/v2/repository/models/toy_onnx/load"] * loads_expected
    assert (version.stat().st_mtime > 0) == (loads_expected > 0)
    assert not server.was_killed, "a model that cannot be reloaded goes on with what it has"
