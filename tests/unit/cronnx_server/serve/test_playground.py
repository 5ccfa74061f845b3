from __future__ import annotations

import os
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest

from cronnx_server.errors import AddressError
from cronnx_server.serve.addresses import free_addresses, free_port
from cronnx_server.serve.options import Options
from cronnx_server.serve.playground import SHORTEST_LIFE_S, Kept, running
from cronnx_server.serve.process import ServerProcess

FOREVER = "import time; time.sleep(600)"


class Started:
    """Starts processes, and knows them."""

    def __init__(self) -> None:
        self.processes: list[ServerProcess] = []
        self.now = 0.0

    def __call__(self) -> ServerProcess:
        self.processes.append(ServerProcess([sys.executable, "-I", "-c", FOREVER], os.environ))
        return self.processes[-1]

    def kill(self) -> None:
        """Kill the last process, and wait until it is dead."""
        self.processes[-1].kill()
        assert self.processes[-1].ends_within(30)


@pytest.fixture
def started() -> Started:
    return Started()


@pytest.fixture
def kept(started: Started) -> Iterator[Kept]:
    kept = Kept(started, clock=lambda: started.now)
    yield kept
    kept.end()


def test_a_process_that_lives_is_left_alone(kept: Kept, started: Started) -> None:
    kept.check()
    assert len(started.processes) == 1


def test_a_process_that_died_is_restarted(kept: Kept, started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    for restarts in (1, 2):
        started.now += SHORTEST_LIFE_S
        started.kill()
        kept.check()
        assert len(started.processes) == 1 + restarts
    assert "The playground ended with status -9; restarting it" in capsys.readouterr().err


def test_a_process_that_dies_at_once_is_not(kept: Kept, started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    started.now += SHORTEST_LIFE_S - 1
    started.kill()
    kept.check()
    kept.check()
    assert len(started.processes) == 1
    assert "The playground ended with status -9 right after its start" in capsys.readouterr().err


def test_it_ends_with_the_server(started: Started) -> None:
    kept = Kept(started)
    kept.end()
    assert started.processes[0].ends_within(0)


def test_a_process_that_was_stopped_ends_and_is_not_restarted(kept: Kept, started: Started) -> None:
    started.now += SHORTEST_LIFE_S
    kept.stop()
    assert started.processes[0].ends_within(30)
    kept.check()
    assert len(started.processes) == 1


def test_without_the_option_nothing_is_started() -> None:
    with running(Options()) as kept:
        kept.check()
        kept.stop()
    assert Options().playground_url is None


def first_answer_of(url: str) -> bytes:
    """Ask until somebody listens."""
    until = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url) as answer:
                return bytes(answer.read())
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def test_a_playground_answers_beside_the_server(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRONNX_KEY", "a-secret-key-of-the-server")
    options = Options(addresses=free_addresses(), playground_port=free_port())
    url = options.playground_url
    assert url
    with running(options):
        pictures = first_answer_of(f"{url}/pictures")
    assert b"coffee.jpg" in pictures
    assert capfd.readouterr().err == ""


def test_a_port_is_given_once() -> None:
    addresses = free_addresses()
    addresses.check_free(playground_port=free_port())
    with pytest.raises(AddressError, match="--http-port and --playground are both"):
        addresses.check_free(playground_port=addresses.http_port)


def test_its_address_is_on_loopback() -> None:
    assert Options(playground_port=8004).playground_url == "http://127.0.0.1:8004"
    assert Options().playground_url is None
