"""Replicas behind HAProxy: callers notice neither a restart nor a dead replica, nor an attack."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from tritonclient.grpc import service_pb2

from cronnx import Client, InvalidInput, ServerFault
from cronnx_lab.attack.attacks import crashing
from cronnx_lab.attack.proxy import Proxy, balancing, command
from cronnx_lab.attack.rounds import beside_callers, verdicts
from cronnx_lab.faults.callers import Callers, calling
from cronnx_lab.fuzz.requests import Connection, GrpcRequest, HttpRequest, Payload, over_grpc
from cronnx_server.paths import ROOT
from tests.server.haproxy import skip_without_haproxy
from tests.server.polling import until
from tests.server.toy import CLASSIFIER, ENSEMBLE, ToyRepository
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
    repository: ToyRepository
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
            urls = (self.proxy.addresses.grpc, self.proxy.addresses.http)
            callers = AllCallers([stack.enter_context(calling(url, ENSEMBLE, ToyRepository.image)) for url in urls])
            callers.wait_for_requests()
            yield callers
            callers.wait_for_requests()


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    skip_without_haproxy()
    folder = tmp_path_factory.mktemp("replicas")
    repository = ToyRepository(folder / "repository")
    repository.write()
    flags = (EXPLICIT, EXIT_SOON, f"--load-model={ENSEMBLE}")
    servers = [Triton([repository.folder], *flags) for _ in range(REPLICAS)]
    try:
        for server in servers:
            server.wait_until_ready()
        with balancing([each.addresses for each in servers], folder) as proxy:
            yield Replicas(repository, servers, proxy)
    finally:
        for server in servers:
            server.kill()


def test_haproxy_takes_the_configuration_as_it_stands() -> None:
    skip_without_haproxy()
    checked = subprocess.run(command("-c"), cwd=ROOT, capture_output=True, text=True)
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
    where = urlsplit(replicas.proxy.addresses.http)
    with closing(HTTPConnection(where.netloc, timeout=60)) as connection:
        connection.putrequest("POST", f"/v2/models/{ENSEMBLE}/generate")
        connection.putheader("Content-Length", str(2**26 + 1))
        connection.endheaders()
        assert connection.getresponse().status == 413


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_calls_that_would_change_a_single_replica_are_denied(replicas: Replicas, protocol: str) -> None:
    with Client(getattr(replicas.proxy.addresses, protocol)) as client:
        assert client.is_ready(ENSEMBLE)
        with pytest.raises(InvalidInput):
            client.load(ENSEMBLE)


def test_requests_that_crash_triton_cost_no_replica_and_no_caller_a_request(replicas: Replicas) -> None:
    before = [each.family()[0].pid for each in replicas.servers]
    attacks = crashing(ENSEMBLE, "label")
    rate_per_s = 10.0
    attacked = beside_callers(
        replicas.proxy.addresses,
        attacks,
        target="replicas",
        is_replicated=True,
        model_name=ENSEMBLE,
        image=ToyRepository.image,
        rate_per_s=rate_per_s,
        seconds=2 * len(attacks) / rate_per_s,
    )
    assert [each.name for each in verdicts([attacked]) if not each.holds] == []
    assert {name: sum(outcomes.values()) for name, outcomes in attacked.outcomes.items()} == {
        each.name: 2 for each in attacks
    }
    assert [each.family()[0].pid for each in replicas.servers] == before


def test_grpc_messages_pass_unless_they_are_compressed_or_ask_for_classes(replicas: Replicas) -> None:
    large = over_grpc(ENSEMBLE, Payload(bytes(5_000_000))).message
    asking = service_pb2.ModelInferRequest.FromString(large)
    asking.outputs.add(name="label").parameters["binary_data"].bool_param = True
    after = asking.SerializeToString()
    asking.outputs[0].parameters["classification"].int64_param = 1
    with closing(Connection(replicas.proxy.addresses)) as connection:
        assert connection.send(GrpcRequest(large)).status == 200
        assert connection.send(GrpcRequest(after)).status == 200
        assert connection.send(GrpcRequest(asking.SerializeToString())).status == 500
        outputs = asking.outputs[0].SerializeToString()
        last = large + b"\x32" + bytes([len(outputs)]) + outputs
        assert connection.send(GrpcRequest(last)).status == 500
    assert replicas.proxy.replicas_up() == REPLICAS


def test_a_load_that_fails_takes_no_replica_out(replicas: Replicas) -> None:
    with replicas.under_load() as callers, Client(replicas.servers[0].addresses.http) as client:
        replicas.repository.corrupt_version(3)
        with pytest.raises(ServerFault):
            client.load(CLASSIFIER)
        with closing(Connection(replicas.servers[0].addresses)) as connection:
            assert connection.send(HttpRequest("/v2/health/ready", method="GET")).status == 400
        callers.wait_for_requests()
        assert replicas.proxy.replicas_up() == REPLICAS
        replicas.repository.write_version(3)
        client.load(CLASSIFIER)
    assert callers.errors() == []
