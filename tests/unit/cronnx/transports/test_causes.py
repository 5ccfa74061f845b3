"""Errors of real connections name the likely cause: the protocol, the port, the certificate or the host."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from cronnx import Client, CronnxError, Retry, Tls
from cronnx._transports.causes import likely_cause
from tests.certificates import Identity, identity
from tests.unit.cronnx.grpc_triton import serve_grpc
from tests.unit.cronnx.http_triton import serve_http


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("server"), "server")


@contextlib.contextmanager
def served(scheme: str, server: Identity, caller: Path | None = None) -> Iterator[str]:
    """Serve a protocol, and ask for the certificate of a caller if one is given; return the address."""
    if scheme in ("grpc", "http"):
        with serve_grpc() if scheme == "grpc" else serve_http() as triton:
            yield triton.address
        return
    if scheme == "grpcs":
        pair = (server.key.read_bytes(), server.certificate.read_bytes())
        trusted = caller.read_bytes() if caller else None
        with serve_grpc(grpc.ssl_server_credentials([pair], trusted, caller is not None)) as encrypted:
            yield encrypted.address
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    if caller:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(caller)
    with serve_http(context) as web:
        yield web.address


def failure(url: str, tls: Tls | None = None) -> str:
    with Client(url, timeout_s=10, tls=tls, retry=Retry(attempts=1)) as client, pytest.raises(CronnxError) as caught:
        client.classify(b"cat")
    message = str(caught.value)
    assert url in message
    assert len(message) < 200
    return message


@pytest.mark.parametrize("spoken", ["grpc", "http", "grpcs", "https"])
@pytest.mark.parametrize("scheme", ["grpc", "http", "grpcs", "https"])
def test_a_wrong_protocol_is_told_with_the_right_one(server: Identity, spoken: str, scheme: str) -> None:
    with served(spoken, server) as address:
        tls = Tls(ca_file=server.certificate) if scheme in ("grpcs", "https") else None
        if scheme == spoken:
            with Client(f"{scheme}://{address}", tls=tls) as client:
                assert client.classify(b"cat").label == "cat"
            return
        assert f" {spoken}://" in failure(f"{scheme}://{address}", tls)


@pytest.mark.parametrize("scheme", ["grpcs", "https"])
def test_a_certificate_that_is_not_trusted_is_told(server: Identity, scheme: str) -> None:
    with served(scheme, server) as address:
        assert "its certificate is not trusted; name the authority" in failure(f"{scheme}://{address}")


@pytest.mark.parametrize("scheme", ["grpcs", "https"])
def test_a_certificate_of_another_host_is_told(server: Identity, scheme: str) -> None:
    with served(scheme, server) as address:
        url = f"{scheme}://{address.replace('127.0.0.1', 'localhost')}"
        assert "its certificate is for another host name" in failure(url, Tls(ca_file=server.certificate))


@pytest.mark.parametrize("scheme", ["grpcs", "https"])
def test_a_missing_certificate_of_the_client_is_asked_for(server: Identity, scheme: str) -> None:
    with served(scheme, server, caller=server.certificate) as address:
        assert "client certificate" in failure(f"{scheme}://{address}", Tls(ca_file=server.certificate))


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_port_without_a_server_is_told(deserted_address: str, scheme: str) -> None:
    assert failure(f"{scheme}://{deserted_address}").endswith("connection refused; is the server running?")


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_an_unknown_host_is_told(scheme: str) -> None:
    assert failure(f"{scheme}://host.invalid:8001").endswith("unknown host name")


def test_a_server_of_files_is_told_from_triton(byte_server: object) -> None:
    address = byte_server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")  # type: ignore[operator]  # as the metrics port
    assert failure(f"http://{address}").endswith("is this Triton's HTTP port?")


@pytest.mark.parametrize("variable", ["grpc_proxy", "https_proxy", "http_proxy"])
def test_a_proxy_of_grpc_is_named(monkeypatch: pytest.MonkeyPatch, deserted_address: str, variable: str) -> None:
    monkeypatch.setenv(variable, f"http://{deserted_address}")
    message = failure("grpc://host.invalid:8001")
    assert f"(through the proxy of {variable}; no_proxy avoids it): connection refused" in message
    monkeypatch.setenv("no_proxy", ".invalid")
    assert failure("grpc://host.invalid:8001").endswith("grpc://host.invalid:8001: unknown host name")


@pytest.mark.parametrize(
    "reason",
    [
        "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: tcp handshaker shutdown",
        "last error: UNKNOWN: ipv4:127.0.0.1:1: connection attempt timed out before receiving SETTINGS frame",
        "last error: UNAVAILABLE: ipv4:127.0.0.1:1: Handshake read failed (Endpoint closing)",
        "the connection timed out",
    ],
)
def test_a_silent_address_is_told(reason: str) -> None:
    assert likely_cause(reason, "grpcs").startswith("no answer while connecting")


def test_other_words_are_shown_in_one_short_line() -> None:
    assert likely_cause("no\nroute", "grpc") == "no route; is the server running?"
    assert len(likely_cause("x" * 1000, "grpc")) < 150
