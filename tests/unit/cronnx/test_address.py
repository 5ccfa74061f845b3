from __future__ import annotations

import pytest

from cronnx import InvalidInput
from cronnx._address import address


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
    assert str(address(url)) == meant


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
    ],
)
def test_another_url_is_refused_with_what_came_and_what_is_accepted(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"expected grpc://HOST:PORT") as caught:
        address(url)
    assert repr(url) in str(caught.value)
