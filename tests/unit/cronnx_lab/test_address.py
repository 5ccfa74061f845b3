from __future__ import annotations

import pytest

from cronnx_lab.address import Address, parse_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("grpc://127.0.0.1:8001", Address("grpc", "127.0.0.1:8001")),
        ("http://triton.example:80/", Address("http", "triton.example:80")),
        ("grpc://[::1]:8001", Address("grpc", "[::1]:8001")),
    ],
)
def test_an_address_has_a_protocol_a_host_and_a_port(url: str, expected: Address) -> None:
    assert parse_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8001",
        "grpc://127.0.0.1",
        "grpc://:8001",
        "ftp://a:1",
        "http://a:b",
        "http://[::1",
        "http://a:1/v2",
    ],
)
def test_another_text_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^expected grpc://HOST:PORT or http://HOST:PORT, got '"):
        parse_url(url)
