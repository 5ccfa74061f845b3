from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.errors import SetupError
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.grpc_tls import GrpcTls
from tests.certificates import Identity, identity


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("server"), "server")


def test_the_flags_are_tritonservers(server: Identity) -> None:
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
    with pytest.raises(SetupError, match=r"none\.crt.*No such file"):
        GrpcTls(Path("none.crt"), server.key)


def test_a_key_of_another_certificate_is_refused(server: Identity, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="that of the certificate"):
        GrpcTls(server.certificate, identity(tmp_path, "other").key)


def test_authorities_that_are_none_are_refused(server: Identity, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(SetupError, match=r"ca\.pem"):
        GrpcTls(server.certificate, server.key, tmp_path / "ca.pem")
