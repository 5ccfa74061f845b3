from __future__ import annotations

import traceback
from typing import Any

import pytest

from cronnx import AsyncClient, Client, CronnxError, InvalidInput, Retry, Tls
from cronnx._transports.bounded import Bounded
from cronnx._transports.connection import connect, parse_address
from cronnx._transports.failover import Failover
from cronnx._transports.grpc import GrpcTransport
from cronnx._transports.http import HttpTransport
from cronnx._transports.shared_memory import SharedMemory
from tests.unit.cronnx import server_facts
from tests.unit.cronnx.conftest import Served
from tests.unit.cronnx.grpc_triton import serve_grpc
from tests.unit.cronnx.http_triton import serve_http

KEY = "the-key-of-these-tests"


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("grpc://127.0.0.1:9001", "grpc://127.0.0.1:9001"),
        ("grpc://[::1]:9001/", "grpc://[::1]:9001"),
        ("http://triton.example:9000", "http://triton.example:9000"),
        ("grpcs://triton.example:9001", "grpcs://triton.example:9001"),
        ("https://triton.example:9000", "https://triton.example:9000"),
        ("grpc://host", "grpc://host:8001"),
        ("http://host", "http://host:8000"),
        ("grpcs://host", "grpcs://host:443"),
        ("https://host/", "https://host:443"),
        ("host", "grpc://host:8001"),
        ("host:8000", "http://host:8000"),
        ("host:8001", "grpc://host:8001"),
        ("host:9000", "grpc://host:9000"),
        ("[::1]", "grpc://[::1]:8001"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("GRPC://Host:1", "grpc://host:1"),
    ],
)
def test_what_a_url_leaves_out_is_filled_in(url: str, meant: str) -> None:
    assert str(parse_address(url)) == meant


@pytest.mark.parametrize(
    "url",
    [
        "",
        ":8001",
        "grpc://",
        "ftp://127.0.0.1:8001",
        "grpc://:8001",
        "grpc://127.0.0.1:port",
        "grpc://127.0.0.1:0",
        "grpc://127.0.0.1:99999",
        "http://[::1:8000",
        "http://me@127.0.0.1:8000",
        "http://127.0.0.1:8000/base",
        "http://127.0.0.1:8000?query",
        "host:8001,host:8002",
        "two words",
    ],
)
def test_an_invalid_url_is_refused_with_the_accepted_forms(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"expected grpc://HOST:PORT") as caught:
        parse_address(url)
    assert repr(url) in str(caught.value)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("grpc://127.0.0.1:8001", GrpcTransport),
        ("grpcs://127.0.0.1:8001", GrpcTransport),
        ("127.0.0.1", GrpcTransport),
        ("http://triton.example:8000", HttpTransport),
        ("https://triton.example:8000", HttpTransport),
        (["http://one:8000"], HttpTransport),
    ],
)
def test_the_url_chooses_the_transport_of_an_address(url: str | list[str], kind: type) -> None:
    bounded = connect(url)
    assert isinstance(bounded, Bounded)
    assert type(bounded._transport) is kind


def test_a_client_that_does_not_retry_sends_everything_at_once() -> None:
    assert type(connect("http://one:8000", bounded=False)) is HttpTransport


def test_several_urls_are_one_transport() -> None:
    assert type(connect(["http://one:8000", "grpc://two:8001"])) is Failover


def test_shared_memory_is_laid_over_the_transport() -> None:
    bounded = connect("grpc://127.0.0.1:8001", shared_memory=True)
    assert isinstance(bounded, Bounded)
    assert type(bounded._transport) is SharedMemory


@pytest.mark.parametrize(
    ("url", "is_loopback"),
    [
        ("grpc://127.0.0.1", True),
        ("grpc://127.1.2.3", True),
        ("grpc://[::1]", True),
        ("grpc://localhost", True),
        ("grpc://a.localhost", True),
        ("grpc://10.0.0.1", False),
        ("grpc://[2001:db8::1]", False),
        ("grpc://localhost.example", False),
        ("grpc://triton", False),
    ],
)
def test_loopback_is_known_by_name_and_address(url: str, is_loopback: bool) -> None:
    assert parse_address(url).is_loopback is is_loopback


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_not_asked_through_a_proxy(
    served: Served, monkeypatch: pytest.MonkeyPatch, deserted_address: str, variable: str, host: str
) -> None:
    monkeypatch.setenv(variable, f"http://{deserted_address}")
    with Client(served.url.replace("127.0.0.1", host), timeout_s=10) as client:
        assert client.classify(b"cat").label == "cat"


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_a_client_refuses_a_url_when_it_is_made(client: type[Client] | type[AsyncClient]) -> None:
    with pytest.raises(InvalidInput, match="'ftp://host'"):
        client("ftp://host")


@pytest.mark.parametrize("url", [8000, None, b"grpc://host", ["grpc://host", 8001]])
def test_what_is_not_text_is_refused_as_a_url(url: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^server URL: expected"):
        connect(url)


def test_no_url_at_all_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        connect([])


def test_tls_without_an_encrypted_url_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"grpc://host:8001 is not encrypted: use grpcs://"):
        connect("grpc://host:8001", tls=Tls())


@pytest.mark.parametrize("name", ["", "two words", "colon:", "grpc-timeout", "trace-bin", "ümlaut", "line\n"])
def test_a_header_that_a_protocol_reserves_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(InvalidInput, match="header name") as caught:
        connect("grpc://host", headers={name: "the key"})
    assert "the key" not in str(caught.value)


@pytest.mark.parametrize("value", ["line\nbreak", "ümlaut", "\0"])
def test_the_value_of_a_header_that_is_refused_is_not_shown(value: str) -> None:
    with pytest.raises(InvalidInput, match="value of header 'x-key': expected printable ASCII") as caught:
        connect("grpc://host", headers={"x-key": value})
    assert value not in str(caught.value)


def test_the_key_goes_with_every_request_by_each_protocols_name_for_it() -> None:
    with serve_http() as http, serve_grpc() as grpc:
        urls = [f"http://{http.address}", f"grpc://{grpc.address}"]
        with Client(urls, key=KEY) as client:
            client.load(server_facts.NAME)
            client.classify([b"cat", b"dog"])
            client.classify(b"cat")
    assert http.headers
    assert {headers.get("cronnx-key") for headers in http.headers} == {KEY}
    assert grpc.headers
    assert {headers.get("triton-grpc-protocol-cronnx-key") for headers in grpc.headers} == {KEY}
    assert not any("cronnx-key" in headers for headers in grpc.headers)


def test_without_a_key_none_is_sent() -> None:
    with serve_http() as http, Client(f"http://{http.address}") as client:
        client.classify(b"cat")
    assert not any("cronnx-key" in headers for headers in http.headers)


def test_a_header_of_the_keys_name_overrides_the_key() -> None:
    with serve_http() as http, Client(f"http://{http.address}", key=KEY, headers={"cronnx-key": "other"}) as client:
        client.classify(b"cat")
    assert {headers["cronnx-key"] for headers in http.headers} == {"other"}


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "grpc://127.0.0.1:1"])
def test_the_key_is_in_no_repr_and_no_error(url: str) -> None:
    with Client(url, key=KEY, retry=Retry(attempts=1), timeout_s=5) as client:
        shown = [repr(client), str(vars(client))]
        with pytest.raises(CronnxError) as caught:
            client.load("net")
    shown += [repr(caught.value), *traceback.format_exception(caught.value), repr(AsyncClient(url, key=KEY))]
    assert not any(KEY in each for each in shown)


def test_a_key_that_no_header_can_carry_is_refused_and_not_shown() -> None:
    with pytest.raises(InvalidInput, match="'cronnx-key'") as caught:
        Client("http://127.0.0.1:1", key="two\nlines")
    assert "two" not in str(caught.value)
