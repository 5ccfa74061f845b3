from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from cronnx import Client, ConnectionFailed, InvalidInput, Retry, Tls
from tests.certificates import Identity, identity
from tests.unit.cronnx.grpc_triton import serve_grpc
from tests.unit.cronnx.http_triton import serve_http

ONCE = Retry(attempts=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("server"), "server")


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("caller"), "caller")


@contextmanager
def served(protocol: str, server: Identity, *, callers: Identity | None = None) -> Iterator[str]:
    """Start a server with TLS that answers only `callers`, if given; yields its URL."""
    if protocol == "grpc":
        pair = (server.key.read_bytes(), server.certificate.read_bytes())
        trusted = callers.certificate.read_bytes() if callers else None
        with serve_grpc(grpc.ssl_server_credentials([pair], trusted, bool(callers))) as triton:
            yield f"grpcs://{triton.address}"
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    if callers:
        context.load_verify_locations(callers.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    with serve_http(context) as triton:
        yield f"https://{triton.address}"


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_server_whose_authority_is_trusted_is_asked(protocol: str, server: Identity) -> None:
    with served(protocol, server) as url, Client(url, tls=Tls(ca_file=server.certificate)) as client:
        assert client.classify(b"cat").label == "cat"


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_an_untrusted_server_is_not_asked(protocol: str, server: Identity) -> None:
    with (
        served(protocol, server) as url,
        Client(url, retry=ONCE) as client,
        pytest.raises(ConnectionFailed, match=r"(?i)certificate") as caught,
    ):
        client.classify(b"cat")
    assert not caught.value.request_sent


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_client_with_a_certificate_proves_who_it_is(protocol: str, server: Identity, caller: Identity) -> None:
    tls = Tls(ca_file=server.certificate, certificate_file=caller.certificate, key_file=caller.key)
    with served(protocol, server, callers=caller) as url:
        with Client(url, tls=tls) as client:
            assert client.classify(b"cat").label == "cat"
        with Client(url, tls=Tls(ca_file=server.certificate), retry=ONCE) as stranger, pytest.raises(ConnectionFailed):
            stranger.classify(b"cat")


def test_a_file_that_is_missing_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"missing\.pem.*No such file"):
        Tls(ca_file="missing.pem")


def test_a_file_that_is_not_a_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(InvalidInput, match=r"ca\.pem.*expected PEM files"):
        Tls(ca_file=tmp_path / "ca.pem")


def test_a_key_of_another_certificate_is_refused(server: Identity, caller: Identity) -> None:
    with pytest.raises(InvalidInput, match="cannot be used"):
        Tls(certificate_file=server.certificate, key_file=caller.key)


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_the_password(server: Identity, tmp_path: Path) -> None:
    encrypted = tmp_path / "encrypted.key"
    command = ["openssl", "ec", "-in", str(server.key), "-aes128", "-passout", "pass:secret", "-out", str(encrypted)]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(InvalidInput, match="encrypted"):
        Tls(certificate_file=server.certificate, key_file=encrypted)


def test_a_certificate_without_a_key_is_refused(server: Identity) -> None:
    with pytest.raises(InvalidInput, match="together"):
        Tls(certificate_file=server.certificate)
