"""What is left of a server after the process that started it has ended."""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import sys
import time

import pytest

from cronnx_server.errors import StartError
from cronnx_server.serve.process import ServerProcess

LOADED = "I1129 00:00:00.000000 1 model_lifecycle.cc:849] \"successfully loaded 'photos'\""
START_AND_DIE = """
import os, signal, sys
from cronnx_server.serve.process import ServerProcess

server = ServerProcess(["sh", "-c", "sleep 600 & echo $!; wait"], os.environ)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_servers_stubs_end_with_what_has_started_it_even_if_that_is_killed() -> None:
    command = [sys.executable, "-c", START_AND_DIE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as starter:
        assert starter.stdin is not None
        assert starter.stderr is not None
        ended = os.pidfd_open(int(starter.stderr.readline()))
        starter.stdin.close()
        assert starter.wait() == -signal.SIGKILL
        assert select.select([ended], [], [], 30)[0], "it lives on"
        os.close(ended)


def test_one_that_ends_is_seen_to_end_and_one_that_lives_to_live() -> None:
    server = ServerProcess(["sleep", "600"], os.environ)
    assert not server.ends_within(0)
    server.kill()
    assert server.ends_within(30)
    assert server.wait() == -signal.SIGKILL
    server.end()


def test_one_that_has_ended_by_itself_was_not_killed() -> None:
    ended, killed = (ServerProcess(["sleep", seconds], os.environ) for seconds in ("0", "600"))
    assert ended.ends_within(30)
    for server in (ended, killed):
        server.kill()
        server.end()
    assert not ended.was_killed
    assert killed.was_killed


def test_what_cannot_be_started_is_named() -> None:
    with pytest.raises(StartError, match="cannot start /none: No such file"):
        ServerProcess(["/none"], os.environ)


def test_the_log_tells_when_a_model_was_loaded() -> None:
    started_s = time.monotonic()
    quiet, told = (ServerProcess(["echo", each], os.environ) for each in ("ready", LOADED))
    for server in (quiet, told):
        server.wait()
        server.end()
    assert quiet.loaded_at_s == -math.inf
    assert started_s <= told.loaded_at_s <= time.monotonic()


def test_each_load_is_waited_for_once_and_the_end_ends_the_wait() -> None:
    server = ServerProcess(["sh", "-c", 'echo "$1"; sleep 600', "sh", LOADED], os.environ)
    assert server.loads_within(30)
    assert not server.loads_within(0), "it was told already"
    server.kill()
    assert not server.loads_within(30)
    assert server.ends_within(0)
    server.end()
