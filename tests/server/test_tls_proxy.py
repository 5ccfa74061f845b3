"""TLS by HAProxy, before a server that itself speaks in the clear."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cronnx import Client, ConnectionFailed, Retry, Tls
from local_server.addresses import free_addresses
from local_server.paths import ROOT
from tests.certificates import identity
from tests.server.conftest import Served

CONFIG = ROOT / "deploy" / "haproxy" / "tls.cfg"


@dataclass(frozen=True)
class Proxy:
    """Where HAProxy takes TLS, and the certificate that it shows."""

    https: str
    grpcs: str
    certificate: Path

    def url(self, protocol: str) -> str:
        return self.https if protocol == "https" else self.grpcs


@pytest.fixture(scope="module")
def proxy(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    made, free = identity(folder, "proxy"), free_addresses()
    (folder / "proxy.pem").write_bytes(made.certificate.read_bytes() + made.key.read_bytes())
    variables = {
        "TLS_PEM": str(folder / "proxy.pem"),
        "HAPROXY_HTTPS": f"127.0.0.1:{free.http_port}",
        "HAPROXY_GRPCS": f"127.0.0.1:{free.grpc_port}",
        "HAPROXY_HTTP": f"127.0.0.1:{served.addresses.http_port}",
        "HAPROXY_GRPC": f"127.0.0.1:{served.addresses.grpc_port}",
    }
    path = f"{os.environ['PATH']}:/usr/sbin"  # where Debian keeps it
    command, environment = ["haproxy", "-db", "-f", str(CONFIG)], {**os.environ, **variables, "PATH": path}
    subprocess.run([*command, "-c"], env=environment, check=True, stdin=subprocess.DEVNULL)
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL) as process:
        yield Proxy(
            *(f"{scheme}://{variables[f'HAPROXY_{scheme.upper()}']}" for scheme in ("https", "grpcs")), made.certificate
        )
        process.terminate()


@pytest.mark.parametrize("protocol", ["https", "grpcs"])
def test_both_protocols_are_answered_encrypted(proxy: Proxy, protocol: str, pictures: dict[str, Path]) -> None:
    with Client(proxy.url(protocol), tls=Tls(ca_file=proxy.certificate), retry=Retry(attempts=8)) as client:
        assert client.classify(pictures["coffee"]).label == "espresso"


@pytest.mark.parametrize("protocol", ["https", "grpcs"])
def test_who_does_not_know_the_certificate_sends_nothing(proxy: Proxy, protocol: str) -> None:
    with (
        Client(proxy.url(protocol), retry=Retry(attempts=1)) as client,
        pytest.raises(ConnectionFailed, match=r"(?i)certificate"),
    ):
        client.classify(b"picture")
