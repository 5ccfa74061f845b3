"""Replicas behind HAProxy: what callers see of one that is killed, and of a rolling restart."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cronnx import Client, InvalidInput
from fault_drills.callers import asking
from tests.server.haproxy import Proxy, balancing, command, environment
from tests.server.prometheus import until
from tests.server.toy import ENSEMBLE, ToyRepository
from tests.server.triton import Triton

EXPLICIT = "--model-control-mode=explicit"
REPLICAS = 3


@dataclass(frozen=True)
class Replicas:
    servers: list[Triton]
    proxy: Proxy

    def wait_until_up(self, count: int) -> None:
        until(lambda: self.proxy.replicas_up() == count, what=f"{count} replicas are up")


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    folder = tmp_path_factory.mktemp("replicas")
    ToyRepository(folder / "repository").write()
    servers = [Triton([folder / "repository"], EXPLICIT, f"--load-model={ENSEMBLE}") for _ in range(REPLICAS)]
    try:
        for server in servers:
            server.wait_until_ready()
        with balancing(environment([each.addresses for each in servers], folder), replicas=REPLICAS) as proxy:
            yield Replicas(servers, proxy)
    finally:
        for server in servers:
            server.end()


def test_haproxy_takes_the_configuration_as_it_stands() -> None:
    checked = subprocess.run(command("-c"), capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_replica_killed_and_brought_back_costs_a_caller_no_request(replicas: Replicas, protocol: str) -> None:
    victim = replicas.servers[0]
    with asking(getattr(replicas.proxy, protocol), ENSEMBLE, ToyRepository.image) as callers:
        callers.go_on()
        victim.kill()
        replicas.wait_until_up(REPLICAS - 1)
        callers.go_on()
        victim.start()
        replicas.wait_until_up(REPLICAS)
        callers.go_on()
    assert callers.errors() == []


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_rolling_restart_costs_a_caller_no_request(replicas: Replicas, protocol: str) -> None:
    with asking(getattr(replicas.proxy, protocol), ENSEMBLE, ToyRepository.image) as callers:
        callers.go_on()
        for server in replicas.servers:
            server.end()
            replicas.wait_until_up(REPLICAS - 1)
            server.start()
            replicas.wait_until_up(REPLICAS)
        callers.go_on()
    assert callers.errors() == []


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_what_would_change_one_replica_of_several_is_denied(replicas: Replicas, protocol: str) -> None:
    with Client(getattr(replicas.proxy, protocol)) as client:
        assert client.is_ready(ENSEMBLE)
        with pytest.raises(InvalidInput):
            client.load(ENSEMBLE)
