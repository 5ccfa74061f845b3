from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cronnx_server.errors import AddressError
from cronnx_server.serve.addresses import Addresses, GrpcTls, free_addresses, free_port
from tests.certificates import Identity, identity

SERVICES = ("http", "grpc", "metrics")


@pytest.fixture
def ports() -> dict[str, int]:
    """A free port for each service."""
    with contextlib.ExitStack() as stack:
        bound = [stack.enter_context(socket.socket()) for _ in SERVICES]
        for each in bound:
            each.bind(("127.0.0.1", 0))
        return {f"{service}_port": each.getsockname()[1] for service, each in zip(SERVICES, bound, strict=True)}


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("address", "http", "grpc"),
    [("10.0.0.7", "10.0.0.7", "10.0.0.7"), ("::1", "ipv6:::1", "[::1]"), ("::", "ipv6:::", "[::]")],
)
def test_the_flags_are_tritonservers(address: str, http: str, grpc: str) -> None:
    assert Addresses(address, 1, 2, 3).flags() == [
        "--http-port=1",
        f"--http-address={http}",
        "--grpc-port=2",
        f"--grpc-address={grpc}",
        "--metrics-port=3",
        f"--metrics-address={http}",
    ]


def test_tritons_own_ports_on_loopback_are_the_default() -> None:
    assert Addresses() == Addresses("127.0.0.1", 8000, 8001, 8002)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - shown, not bound
        ("10.0.0.7", "10.0.0.7"),
        ("::1", "[::1]"),
        ("::", "[::1]"),
        ("fe80::1", "[fe80::1]"),
    ],
)
def test_a_server_is_called_by_what_reaches_it(address: str, host: str) -> None:
    addresses = Addresses(address)
    assert addresses.http == f"http://{host}:8000"
    assert addresses.grpc == f"grpc://{host}:8001"
    assert addresses.metrics == f"http://{host}:8002/metrics"


def test_free_ports_pass(ports: dict[str, int]) -> None:
    Addresses(**ports).check_free()


@pytest.mark.parametrize("service", SERVICES)
def test_a_taken_port_is_named_with_the_option_to_change_it(
    service: str, ports: dict[str, int], taken_port: int
) -> None:
    addresses = Addresses(**{**ports, f"{service}_port": taken_port})
    problem = f"127.0.0.1 port {taken_port}: Address already in use; choose another with --{service}-port"
    with pytest.raises(AddressError, match=problem):
        addresses.check_free()


def test_a_port_taken_on_loopback_is_taken_on_every_address(ports: dict[str, int], taken_port: int) -> None:
    with pytest.raises(AddressError, match=f"port {taken_port}: Address already in use"):
        Addresses("0.0.0.0", **{**ports, "grpc_port": taken_port}).check_free()  # noqa: S104 - a probe


def test_a_port_asked_for_twice_is_refused(ports: dict[str, int]) -> None:
    ports["metrics_port"] = ports["http_port"]
    with pytest.raises(AddressError, match=f"--http-port and --metrics-port are both {ports['http_port']}"):
        Addresses(**ports).check_free()


def test_a_port_whose_last_server_has_just_ended_is_free(ports: dict[str, int]) -> None:
    address = ("127.0.0.1", ports["http_port"])
    with socket.create_server(address) as server, socket.create_connection(address) as client:
        connection, _ = server.accept()
        connection.close()  # the side that hangs up first keeps the port for a minute
        assert client.recv(1) == b""
    Addresses(**ports).check_free()


def test_an_address_of_another_machine_is_refused(ports: dict[str, int]) -> None:
    with pytest.raises(AddressError, match=r"cannot listen on 192\.0\.2\.1 port \d+: Cannot assign requested address"):
        Addresses("192.0.2.1", **ports).check_free()


@pytest.mark.parametrize("address", ["localhost", "", "127.0.0", "a..b"])
def test_a_name_is_no_address(address: str, ports: dict[str, int]) -> None:
    with pytest.raises(AddressError, match=f"expected an IP address .*, got '{address}'"):
        Addresses(address, **ports).check_free()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("server"), "server")


def test_the_flags_of_tls_are_tritonservers(server: Identity) -> None:
    flags = ["--grpc-use-ssl=true", f"--grpc-server-cert={server.certificate}", f"--grpc-server-key={server.key}"]
    assert GrpcTls(server.certificate, server.key).flags() == flags
    assert GrpcTls(server.certificate, server.key, server.certificate).flags() == [
        *flags,
        "--grpc-use-ssl-mutual=true",
        f"--grpc-root-cert={server.certificate}",
    ]


@pytest.mark.parametrize(
    ("address", "http", "called"),
    [("0.0.0.0", "127.0.0.1", "127.0.0.1"), ("10.0.0.7", "127.0.0.1", "10.0.0.7"), ("::", "ipv6:::1", "[::1]")],  # noqa: S104 - not bound
)
def test_http_stays_on_loopback_where_grpc_is_encrypted(server: Identity, address: str, http: str, called: str) -> None:
    addresses = Addresses(address, 1, 2, 3, GrpcTls(server.certificate, server.key))
    assert f"--http-address={http}" in addresses.flags()
    assert "--grpc-use-ssl=true" in addresses.flags()
    assert addresses.grpc == f"grpcs://{called}:2"
    assert addresses.http == ("http://[::1]:1" if ":" in address else "http://127.0.0.1:1")


def test_a_file_that_is_missing_is_named(server: Identity) -> None:
    with pytest.raises(AddressError, match=r"none\.crt.*No such file"):
        GrpcTls(Path("none.crt"), server.key)


def test_a_key_of_another_certificate_is_refused(server: Identity, tmp_path: Path) -> None:
    with pytest.raises(AddressError, match="the key of the certificate"):
        GrpcTls(server.certificate, identity(tmp_path, "other").key)


def test_authorities_that_are_none_are_refused(server: Identity, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(AddressError, match=r"ca\.pem"):
        GrpcTls(server.certificate, server.key, tmp_path / "ca.pem")


def test_no_free_port_is_given_twice() -> None:
    given = [free_port() for _ in range(300)]  # the kernel alone repeats one in nearly every such run
    assert len({*given, *(getattr(free_addresses(), f"{service}_port") for service in SERVICES)}) == 303
