from __future__ import annotations

import pytest

from cronnx_lab.loadtest.targets import Target, target


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("grpc://127.0.0.1:8001", Target("grpc", "127.0.0.1:8001")),
        ("http://triton.example:80/", Target("http", "triton.example:80")),
        ("grpc://[::1]:8001", Target("grpc", "[::1]:8001")),
    ],
)
def test_an_address_has_a_protocol_a_host_and_a_port(url: str, expected: Target) -> None:
    assert target(url) == expected


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
def test_what_is_no_address_is_refused_by_its_text(url: str) -> None:
    with pytest.raises(ValueError, match="expected grpc://HOST:PORT or http://HOST:PORT") as refused:
        target(url)
    assert str(refused.value).startswith(f"'{url}' is no server's address")
