"""A server that dies is started again, and not for ever."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import pytest

from cronnx_server.errors import SetupError
from cronnx_server.serve.addresses import Addresses, free_addresses
from cronnx_server.serve.process import ServerProcess
from cronnx_server.serve.restarts import Restarts
from cronnx_server.serve.supervisor import LENIENT, Supervisor

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
    """Servers that end as they are told to, one after another."""

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
                server.kill()

        return Supervisor(self.start, self.addresses, watch=watch, on_end=self.end, restarts=Restarts(most=RESTARTS))

    def report(self) -> None:
        self.is_ready = True


def test_a_server_that_is_killed_is_started_again_and_one_bad_model_is_not_to_end_it() -> None:
    program = Program(LIVES, 0)
    assert program.supervisor(kill=True).run(program.report) == 0
    assert program.flags == [(), LENIENT]
    assert program.ended == 2


def test_a_server_that_ends_before_it_was_ever_ready_is_not_started_again() -> None:
    program = Program(3)
    with pytest.raises(SetupError, match="status 3 before it was ready"):
        program.supervisor().run(program.report)
    assert program.ended == 1


def test_one_that_ends_again_and_again_is_given_up() -> None:
    program = Program(LIVES, *[7] * RESTARTS)
    with pytest.raises(SetupError, match=f"status 7 after {RESTARTS} restarts within"):
        program.supervisor(kill=True).run(program.report)
    assert program.ended == RESTARTS + 1


def test_one_that_is_told_to_stop_is_not_started_again() -> None:
    program = Program(LIVES)
    supervisor = program.supervisor()
    assert supervisor.run(supervisor.stop) == -signal.SIGTERM
    assert len(program.flags) == 1
