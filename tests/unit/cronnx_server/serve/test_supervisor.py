"""A server that crashes is restarted; one that cannot start is given up."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import pytest

from cronnx_server.errors import StartError
from cronnx_server.serve.addresses import Addresses, free_addresses
from cronnx_server.serve.process import ServerProcess
from cronnx_server.serve.supervisor import LENIENT, LIKELY_CAUSES, Supervisor, pause_s

# Says that it is up, as Triton does, and lives until it is ended, or even then; or loads a model when it is asked and
# lives for half a minute; or ends with a status, after it was up or before; or kills itself.
PROGRAM = """
import http.server, os, signal, sys, threading

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        if what == "loads":
            print('I1128 14:36:40.925766 1 model_lifecycle.cc:849] "successfully loaded photos"', flush=True)

what, port = sys.argv[1], int(sys.argv[2])
server = http.server.HTTPServer(("127.0.0.1", port), Handler)
if not what.startswith("refuses"):
    print('I1128 14:36:39.925766 1 http_server.cc:4713] "Started HTTPService at 127.0.0.1:1"', flush=True)
if what == "loads":
    threading.Timer(30, os._exit, [0]).start()
if what == "ignores SIGTERM":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    what = "lives"
if what in ("lives", "loads"):
    server.serve_forever()
if what.endswith("crashes"):
    os.kill(os.getpid(), 8)
sys.exit(int(what.split()[-1]))
"""
FAILED_STARTS = 2
WATCH_S = 0.1
STOP_S = 1.0


class Program:
    """Starts servers that do as they are told, one after another."""

    def __init__(self, *orders: str) -> None:
        self.addresses: Addresses = free_addresses()
        self.flags: list[Sequence[str]] = []
        self.ended = 0
        self.is_ready = False
        self._orders = list(orders)

    def start(self, flags: Sequence[str]) -> ServerProcess:
        self.flags.append(flags)
        command = [sys.executable, "-c", PROGRAM, self._orders.pop(0), str(self.addresses.http_port)]
        return ServerProcess(command, os.environ)

    def end(self) -> None:
        self.ended += 1

    def supervisor(self, *, kill: bool = False) -> Supervisor:
        def watch(server: ServerProcess) -> float:
            if kill and self.is_ready:
                self.is_ready = False  # the first server alone, however long the others take to end
                server.kill()
            return WATCH_S

        return Supervisor(
            self.start,
            self.addresses,
            watch=watch,
            on_end=self.end,
            stop_timeout_s=STOP_S,
            most_failed_starts=FAILED_STARTS,
        )

    def report(self) -> None:
        self.is_ready = True


def test_a_server_that_is_killed_is_started_again_and_one_bad_model_is_not_to_end_it() -> None:
    program = Program("lives", "exits 0")
    assert program.supervisor(kill=True).run(program.report) == 0
    assert program.flags == [(), LENIENT]
    assert program.ended == 2


def test_a_server_that_refuses_its_first_start_is_not_started_again() -> None:
    program = Program("refuses 3")
    with pytest.raises(StartError, match="with status 3 before it was ready"):
        program.supervisor().run(program.report)
    assert program.ended == 1


def test_a_server_that_crashes_whenever_it_is_up_is_restarted_at_once_each_time() -> None:
    program = Program(*["crashes"] * 3 * FAILED_STARTS, "exits 0")
    assert program.supervisor().run(program.report) == 0
    assert program.ended == 3 * FAILED_STARTS + 1


@pytest.mark.parametrize("first", [[], ["crashes"]], ids=["the first", "a later one"])
def test_one_that_cannot_start_several_times_in_a_row_is_given_up(first: list[str]) -> None:
    program = Program(*first, *["refuses and crashes"] * FAILED_STARTS)
    with pytest.raises(StartError, match="by SIGFPE before it was ready"):
        program.supervisor().run(program.report)
    assert program.ended == len(first) + FAILED_STARTS


def test_the_likely_cause_of_a_crash_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    program = Program("crashes", "crashes", "exits 0")
    program.supervisor().run(program.report)
    log = capsys.readouterr().err
    assert log.count("ended by SIGFPE; restarting it at once") == 2
    assert log.count(LIKELY_CAUSES[signal.SIGFPE]) == 1


def test_the_watch_looks_as_soon_as_a_model_was_loaded() -> None:
    program, looks = Program("loads"), []

    def watch(server: ServerProcess) -> float:
        looks.append(server)
        if len(looks) == 2:
            supervisor.stop()
        return 3600.0

    supervisor = Supervisor(program.start, program.addresses, watch=watch, on_end=program.end, stop_timeout_s=STOP_S)
    assert supervisor.run(program.report) == 128 + signal.SIGTERM
    assert len(looks) == 2


def test_one_that_is_told_to_stop_is_not_started_again() -> None:
    program = Program("lives")
    supervisor = program.supervisor()
    assert supervisor.run(supervisor.stop) == 128 + signal.SIGTERM
    assert len(program.flags) == 1


def test_one_that_does_not_stop_in_time_is_killed(capsys: pytest.CaptureFixture[str]) -> None:
    program = Program("ignores SIGTERM")
    supervisor = program.supervisor()
    assert supervisor.run(supervisor.stop) == 128 + signal.SIGKILL
    assert "has not ended after 1 s" in capsys.readouterr().err


def test_the_first_restart_is_at_once_and_pauses_after_failed_starts_double() -> None:
    assert [pause_s(failed_starts) for failed_starts in range(5)] == [0.0, 0.5, 1.0, 2.0, 4.0]
