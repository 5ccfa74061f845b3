"""A server that crashes is restarted, but not for ever."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import pytest

from cronnx_server.errors import StartError
from cronnx_server.serve.addresses import Addresses, free_addresses
from cronnx_server.serve.process import ServerProcess
from cronnx_server.serve.supervisor import (
    LENIENT,
    LONGEST_PAUSE_S,
    MOST_RESTARTS,
    PERIOD_S,
    RestartPolicy,
    Supervisor,
)

# Says over HTTP that it is ready, and goes on until it is killed, or ends with a status that it is given.
PROGRAM = """
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

status, port = int(sys.argv[1]), int(sys.argv[2])
if status >= 0:
    sys.exit(status)
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
LIVES = -1
RESTARTS = 2


class Program:
    """Starts servers that end with the given statuses, one after another."""

    def __init__(self, *statuses: int) -> None:
        self.addresses: Addresses = free_addresses()
        self.flags: list[Sequence[str]] = []
        self.ended = 0
        self.is_ready = False
        self._statuses = list(statuses)

    def start(self, flags: Sequence[str]) -> ServerProcess:
        self.flags.append(flags)
        status = self._statuses.pop(0)
        command = [sys.executable, "-c", PROGRAM, str(status), str(self.addresses.http_port)]
        return ServerProcess(command, os.environ)

    def end(self) -> None:
        self.ended += 1

    def supervisor(self, *, kill: bool = False) -> Supervisor:
        def watch(server: ServerProcess) -> None:
            if kill and self.is_ready:
                self.is_ready = False  # the first server alone, however long the others take to end
                server.kill()

        return Supervisor(
            self.start, self.addresses, watch=watch, on_end=self.end, restarts=RestartPolicy(most=RESTARTS)
        )

    def report(self) -> None:
        self.is_ready = True


def test_a_server_that_is_killed_is_started_again_and_one_bad_model_is_not_to_end_it() -> None:
    program = Program(LIVES, 0)
    assert program.supervisor(kill=True).run(program.report) == 0
    assert program.flags == [(), LENIENT]
    assert program.ended == 2


def test_a_server_that_ends_before_it_was_ever_ready_is_not_started_again() -> None:
    program = Program(3)
    with pytest.raises(StartError, match="status 3 before it was ready"):
        program.supervisor().run(program.report)
    assert program.ended == 1


def test_one_that_ends_again_and_again_is_given_up() -> None:
    program = Program(LIVES, *[7] * RESTARTS)
    with pytest.raises(StartError, match=f"status 7 after {RESTARTS} restarts within"):
        program.supervisor(kill=True).run(program.report)
    assert program.ended == RESTARTS + 1


def test_one_that_is_told_to_stop_is_not_started_again() -> None:
    program = Program(LIVES)
    supervisor = program.supervisor()
    assert supervisor.run(supervisor.stop) == -signal.SIGTERM
    assert len(program.flags) == 1


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_the_first_restart_is_at_once_and_each_pause_after_it_is_twice_as_long() -> None:
    restarts = RestartPolicy(clock=Clock())
    assert [restarts.next_pause_s() for _ in range(MOST_RESTARTS)] == [0.0, 0.5, 1.0, 2.0, 4.0]


def test_there_is_no_restart_after_so_many_in_the_period() -> None:
    restarts = RestartPolicy(clock=Clock())
    for _ in range(MOST_RESTARTS):
        assert restarts.next_pause_s() is not None
    assert restarts.next_pause_s() is None


def test_a_server_that_lived_for_longer_than_the_period_is_restarted_at_once() -> None:
    clock = Clock()
    restarts = RestartPolicy(clock=clock)
    for _ in range(MOST_RESTARTS):
        restarts.next_pause_s()
    clock.now_s += PERIOD_S
    assert restarts.next_pause_s() == 0.0


def test_no_pause_is_longer_than_the_longest() -> None:
    restarts = RestartPolicy(clock=Clock())
    pauses = [restarts.next_pause_s() or 0.0 for _ in range(MOST_RESTARTS)]
    assert max(pauses) <= LONGEST_PAUSE_S
