from __future__ import annotations

import traceback

import pytest

from cronnx import AsyncClient, Client, CronnxError, InvalidInput, Retry
from tests.unit.cronnx import server_facts
from tests.unit.cronnx.grpc_triton import serve_grpc
from tests.unit.cronnx.http_triton import serve_http

KEY = "the-key-of-these-tests"


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


def test_no_key_is_sent_where_none_is_given() -> None:
    with serve_http() as http, Client(f"http://{http.address}") as client:
        client.classify(b"cat")
    assert not any("cronnx-key" in headers for headers in http.headers)


def test_a_header_of_that_name_counts_before_the_key() -> None:
    with serve_http() as http, Client(f"http://{http.address}", key=KEY, headers={"cronnx-key": "other"}) as client:
        client.classify(b"cat")
    assert {headers["cronnx-key"] for headers in http.headers} == {"other"}


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "grpc://127.0.0.1:1"])
def test_the_key_shows_in_no_repr_and_no_error(url: str) -> None:
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
