"""TLS by HAProxy in front of a server without TLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cronnx import Client, ConnectionFailed, InvalidInput, Retry, Tls
from cronnx_lab.attack.proxy import WITH_TLS, balancing
from cronnx_server.serve.addresses import free_addresses
from tests.certificates import identity
from tests.server.conftest import Served
from tests.server.haproxy import skip_without_haproxy


@dataclass(frozen=True)
class TlsProxy:
    """The addresses where HAProxy accepts TLS, and its certificate."""

    https: str
    grpcs: str
    certificate: Path


@pytest.fixture(scope="module")
def proxy(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsProxy]:
    skip_without_haproxy()
    folder = tmp_path_factory.mktemp("proxy")
    made, free = identity(folder, "proxy"), free_addresses()
    pem = folder / "proxy.pem"
    pem.write_bytes(made.certificate.read_bytes() + made.key.read_bytes())
    https, grpcs = f"{free.address}:{free.http_port}", f"{free.address}:{free.grpc_port}"
    variables = {"TLS_PEM": str(pem), "HAPROXY_HTTPS": https, "HAPROXY_GRPCS": grpcs}
    with balancing([served.addresses] * 3, folder, configs=WITH_TLS, variables=variables):
        yield TlsProxy(f"https://{https}", f"grpcs://{grpcs}", made.certificate)


@pytest.mark.parametrize("protocol", ["https", "grpcs"])
def test_both_protocols_are_answered_encrypted(proxy: TlsProxy, protocol: str, pictures: dict[str, Path]) -> None:
    with Client(getattr(proxy, protocol), tls=Tls(ca_file=proxy.certificate)) as client:
        assert client.classify(pictures["coffee"]).label == "espresso"


@pytest.mark.parametrize("protocol", ["https", "grpcs"])
def test_calls_that_would_change_a_single_replica_are_denied_over_tls(proxy: TlsProxy, protocol: str) -> None:
    with Client(getattr(proxy, protocol), tls=Tls(ca_file=proxy.certificate)) as client, pytest.raises(InvalidInput):
        client.load("efficientnet_lite0")


@pytest.mark.parametrize("protocol", ["https", "grpcs"])
def test_a_client_that_does_not_trust_the_certificate_sends_nothing(proxy: TlsProxy, protocol: str) -> None:
    with (
        Client(getattr(proxy, protocol), retry=Retry(attempts=1)) as client,
        pytest.raises(ConnectionFailed, match=r"(?i)certificate"),
    ):
        client.classify(b"picture")
