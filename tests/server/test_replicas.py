"""Replicas behind HAProxy: callers notice neither a restart nor a dead replica."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from cronnx import Client, InvalidInput
from cronnx_lab.faults.callers import Callers, calling
from tests.server.haproxy import Proxy, balancing, command, environment
from tests.server.polling import until
from tests.server.toy import ENSEMBLE, ToyRepository
from tests.server.triton import Triton

EXPLICIT = "--model-control-mode=explicit"
# At exit, Triton waits this long for the idle connections that HAProxy keeps.
EXIT_SOON = "--exit-timeout-secs=3"
REPLICAS = 3


@dataclass(frozen=True)
class AllCallers:
    """The callers over both protocols."""

    callers: list[Callers]

    def wait_for_requests(self) -> None:
        for each in self.callers:
            each.wait_for_requests()

    def errors(self) -> list[str]:
        return [error for each in self.callers for error in each.errors()]


@dataclass(frozen=True)
class Replicas:
    servers: list[Triton]
    proxy: Proxy

    def wait_until_up(self, count: int) -> None:
        until(lambda: self.proxy.replicas_up() == count, what=f"{count} replicas are up")

    def bring_back(self, server: Triton) -> None:
        server.start()
        self.wait_until_up(REPLICAS)

    @contextmanager
    def under_load(self) -> Iterator[AllCallers]:
        """Send requests over both protocols for the duration of the block, and for some time before and after it."""
        with ExitStack() as stack:
            urls = (self.proxy.grpc, self.proxy.http)
            callers = AllCallers([stack.enter_context(calling(url, ENSEMBLE, ToyRepository.image)) for url in urls])
            callers.wait_for_requests()
            yield callers
            callers.wait_for_requests()


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    folder = tmp_path_factory.mktemp("replicas")
    ToyRepository(folder / "repository").write()
    flags = (EXPLICIT, EXIT_SOON, f"--load-model={ENSEMBLE}")
    servers = [Triton([folder / "repository"], *flags) for _ in range(REPLICAS)]
    try:
        for server in servers:
            server.wait_until_ready()
        with balancing(environment([each.addresses for each in servers], folder), replicas=REPLICAS) as proxy:
            yield Replicas(servers, proxy)
    finally:
        for server in servers:
            server.kill()


def test_haproxy_takes_the_configuration_as_it_stands() -> None:
    checked = subprocess.run(command("-c"), capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(("number", "end"), [(0, Triton.end), (1, Triton.kill)], ids=["SIGTERM", "SIGKILL"])
def test_replicas_restarted_one_after_the_other_cost_no_caller_a_request(
    replicas: Replicas, number: int, end: Callable[[Triton], None]
) -> None:
    server = replicas.servers[number]
    with replicas.under_load() as callers:
        end(server)
        replicas.wait_until_up(REPLICAS - 1)
        callers.wait_for_requests()
        replicas.bring_back(server)
    assert callers.errors() == []


def test_a_replica_whose_python_processes_died_costs_no_caller_a_request(replicas: Replicas) -> None:
    victim = replicas.servers[2]
    with replicas.under_load() as callers:
        for stub in victim.family()[1:]:
            stub.kill()
        callers.wait_for_requests()
        victim.kill()  # without stubs, Triton waits until its exit timeout
        replicas.bring_back(victim)
    assert callers.errors() == []


def test_a_body_beyond_tritons_limit_is_refused_by_its_length(replicas: Replicas) -> None:
    where = urlsplit(replicas.proxy.http)
    with closing(HTTPConnection(where.netloc, timeout=60)) as connection:
        connection.putrequest("POST", f"/v2/models/{ENSEMBLE}/generate")
        connection.putheader("Content-Length", str(2**26 + 1))
        connection.endheaders()
        assert connection.getresponse().status == 413


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_calls_that_would_change_a_single_replica_are_denied(replicas: Replicas, protocol: str) -> None:
    with Client(getattr(replicas.proxy, protocol)) as client:
        assert client.is_ready(ENSEMBLE)
        with pytest.raises(InvalidInput):
            client.load(ENSEMBLE)
