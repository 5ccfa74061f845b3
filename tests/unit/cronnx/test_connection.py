from __future__ import annotations

import pytest

from cronnx import AsyncClient, Client, InvalidInput, Tls
from cronnx._connection import connect
from cronnx._failover import Failover
from cronnx._grpc import GrpcTransport
from cronnx._http import HttpTransport
from cronnx._shared_memory import SharedMemory


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("grpc://127.0.0.1:8001", GrpcTransport),
        ("grpcs://127.0.0.1:8001", GrpcTransport),
        ("127.0.0.1", GrpcTransport),
        ("http://triton.example:8000", HttpTransport),
        ("https://triton.example:8000", HttpTransport),
        (["http://one:8000"], HttpTransport),
        (["http://one:8000", "grpc://two:8001"], Failover),
    ],
)
def test_the_urls_choose_the_transport(url: str | list[str], kind: type) -> None:
    assert type(connect(url)) is kind


def test_shared_memory_is_laid_over_the_transport() -> None:
    assert type(connect("grpc://127.0.0.1:8001", shared_memory=True)) is SharedMemory


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_a_client_refuses_a_url_when_it_is_made(client: type[Client] | type[AsyncClient]) -> None:
    with pytest.raises(InvalidInput, match="'ftp://host'"):
        client("ftp://host")


def test_no_url_at_all_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        connect([])


def test_tls_for_a_connection_in_the_clear_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"grpc://host:8001 is not encrypted: use grpcs://"):
        connect("grpc://host:8001", tls=Tls())


@pytest.mark.parametrize("name", ["", "two words", "colon:", "grpc-timeout", "trace-bin", "ümlaut", "line\n"])
def test_a_header_neither_protocol_takes_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(InvalidInput, match="header name") as caught:
        connect("grpc://host", headers={name: "the key"})
    assert "the key" not in str(caught.value)


@pytest.mark.parametrize("value", ["line\nbreak", "ümlaut", "\0"])
def test_the_value_of_a_header_that_is_refused_is_not_shown(value: str) -> None:
    with pytest.raises(InvalidInput, match="the value of header 'x-key': expected printable ASCII") as caught:
        connect("grpc://host", headers={"x-key": value})
    assert value not in str(caught.value)
