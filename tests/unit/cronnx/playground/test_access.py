from __future__ import annotations

import socket

import pytest

from tests.unit.cronnx.playground.asgi import HOST, Browser
from tests.unit.cronnx.playground.fake_triton import FakeTriton
from tests.unit.cronnx.typed_answers import photo

OWN_NAME = socket.gethostname()


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9", "127.0.0.1:8004", "192.0.2.7:8004", "[::1]:8004", f"{OWN_NAME}:8004"]
)
def test_an_address_and_the_machines_own_names_are_answered(page: Browser, host: str) -> None:
    assert page.get("/api/server", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", f"{OWN_NAME}.evil.example", "localhost.evil.example:8004", "127.0.0.1.evil.example", "[::1"],
)
def test_a_name_that_another_site_can_point_here_is_refused(page: Browser, triton: FakeTriton, host: str) -> None:
    status, kind, message = page.post("/api/infer?model=cats", photo(), host=host).error
    assert (status, kind) == (403, "Forbidden")
    expected = "localhost, the name of this machine or an IP address"
    assert message == f"Host: expected {expected}, got {host!r}; open the page by one of these"
    assert triton.requests == []


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/pictures", "/viewer/", "/v2", "/api/models"])
def test_nothing_is_for_other_names(page: Browser, path: str) -> None:
    assert page.get(path, host="evil.example").status == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:9", "http://[", "file://"])
def test_another_site_may_not_ask(page: Browser, triton: FakeTriton, origin: str) -> None:
    status, kind, message = page.post("/api/infer?model=cats", photo(), origin=origin).error
    assert (status, kind) == (403, "Forbidden")
    assert message == f"Origin: expected a page of {HOST}, got {origin!r}; another web site may not ask this server"
    assert triton.requests == []


@pytest.mark.parametrize("origin", [{}, {"origin": f"http://{HOST}"}, {"origin": f"https://{HOST}"}])
def test_the_page_and_programs_may_ask(page: Browser, origin: dict[str, str]) -> None:
    assert page.post("/api/infer?model=cats", photo(), **origin).status == 200


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/api/models", "/nothing", "/pictures/cat.jpg"])
def test_browsers_keep_answers_from_other_sites(page: Browser, path: str) -> None:
    headers = page.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self'; img-src 'self' blob: data:;")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert not [name for name in headers if name.startswith("access-control")]
