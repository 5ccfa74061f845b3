from __future__ import annotations

import pytest

from cronnx import Client, InvalidInput
from cronnx._grpc import GrpcTransport
from cronnx._http import HttpTransport
from cronnx._transport import Transport, connect


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("grpc://127.0.0.1:8001", GrpcTransport),
        ("grpc://[::1]:8001/", GrpcTransport),
        ("http://triton.example:8000", HttpTransport),
    ],
)
def test_the_scheme_chooses_the_transport(url: str, kind: type[Transport]) -> None:
    transport = connect(url)
    assert type(transport) is kind
    transport.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8001",
        "localhost",
        "ftp://127.0.0.1:8001",
        "https://127.0.0.1:8000",
        "grpc://127.0.0.1",
        "grpc://:8001",
        "grpc://127.0.0.1:port",
        "grpc://127.0.0.1:99999",
        "http://[::1:8000",
        "http://me@127.0.0.1:8000",
        "http://127.0.0.1:8000/base",
        "http://127.0.0.1:8000?query",
    ],
)
def test_another_url_is_refused_with_what_came_and_what_is_accepted(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected grpc://HOST:PORT or http://HOST:PORT") as caught:
        Client(url)
    assert isinstance(caught.value, InvalidInput)
    assert repr(url) in str(caught.value)
