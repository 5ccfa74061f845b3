from __future__ import annotations

import pytest

from cronnx import InvalidInput
from cronnx.playground.server import Server


def test_the_first_address_that_speaks_http_is_found() -> None:
    server = Server(["grpc://a:1", "b:8000", "https://c"])
    assert (server.url, server.http_url) == ("grpc://a:1", "http://b:8000")
    assert Server(["grpc://a:1"]).http_url is None


@pytest.mark.parametrize("name", ["cronnx-key", "Cronnx-Key", "triton-grpc-protocol-cronnx-key"])
def test_a_key_that_everybody_at_the_page_would_use_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"expected no key, got one; the page asks its users for theirs") as raised:
        Server(["http://a:1"], headers={name: "a-secret-key-1234"})
    assert "secret" not in str(raised.value)


def test_a_key_that_no_header_can_have_is_refused() -> None:
    with pytest.raises(InvalidInput, match="expected printable ASCII"):
        Server(["http://a:1"]).connect("\xe9")
