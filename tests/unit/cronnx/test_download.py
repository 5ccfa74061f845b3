from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cronnx import AsyncClient, Client, InvalidInput
from cronnx._download import MAX_BYTES, MAX_REDIRECTS, download
from cronnx._inputs import image_file
from tests.unit.cronnx.fake_transport import FakeTransport
from tests.unit.cronnx.image_web import ImageWeb, serve_images


@pytest.fixture
def web() -> Iterator[ImageWeb]:
    with serve_images() as web:
        web.images["/cat.jpg"] = b"cat\0"
        yield web


def refusal(address: str, **limits: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        asyncio.run(download(address, **limits))
    assert len(str(caught.value)) < 300
    return str(caught.value)


def test_an_address_is_fetched_also_where_an_event_loop_runs(web: ImageWeb) -> None:
    async def inside() -> bytes:
        return image_file(f"{web.url}/cat.jpg")

    assert image_file(f"{web.url}/cat.jpg") == b"cat\0"
    assert asyncio.run(inside()) == b"cat\0"


def test_every_method_of_the_client_takes_an_address(web: ImageWeb, transport: FakeTransport) -> None:
    address = f"{web.url}/cat.jpg"
    with Client(transport=transport) as client:
        many = [outcome.answer for outcome in client.classify_many([address])]
        assert all([client.classify(address), *client.classify([address, b"dog"]), *many])
    assert len(web.requests) == 3


def test_every_method_of_the_asynchronous_client_takes_an_address(web: ImageWeb, transport: FakeTransport) -> None:
    address = f"{web.url}/cat.jpg"

    async def ask() -> list[object]:
        async with AsyncClient(transport=transport) as client:
            many = [outcome.answer async for outcome in client.classify_many([address])]
            return [await client.classify(address), *await client.classify([address, b"dog"]), *many]

    assert all(asyncio.run(ask()))
    assert len(web.requests) == 3


def test_an_address_that_fails_is_the_error_of_its_image_alone(web: ImageWeb, transport: FakeTransport) -> None:
    with Client(transport=transport) as client:
        first, second = client.classify_many([f"{web.url}/none.jpg", f"{web.url}/cat.jpg"])
    assert isinstance(first.error, InvalidInput)
    assert second.answer


def test_no_key_header_or_cookie_is_sent(web: ImageWeb, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("default login ada password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    web.redirects["/from"] = "/cat.jpg"
    assert asyncio.run(download(f"{web.url}/from")) == b"cat\0"
    assert {name for _, headers in web.requests for name in headers} == {
        "Host",
        "Accept",
        "Accept-Encoding",
        "User-Agent",
    }


def test_an_address_with_a_password_is_refused_and_not_shown() -> None:
    message = refusal("http://ada:secret@127.0.0.1:1/cat.jpg?token=secret")
    assert "without a user or password" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/cat.jpg", "data:image/png,x", "http://a:b@c/"]
)
def test_a_redirect_to_anything_else_is_refused(web: ImageWeb, target: str) -> None:
    web.redirects["/from"] = target
    assert "expected a" in refusal(f"{web.url}/from")
    assert len(web.requests) == 1


def test_redirects_are_counted(web: ImageWeb) -> None:
    web.redirects["/loop"] = "/loop"
    assert f"at most {MAX_REDIRECTS} redirects" in refusal(f"{web.url}/loop")
    assert len(web.requests) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("length", [5, MAX_BYTES + 1])
def test_content_that_is_too_large_is_refused(web: ImageWeb, length: int) -> None:
    web.images["/large.jpg"], web.lengths["/large.jpg"] = b"large", length
    assert "expected at most 4 bytes, got more" in refusal(f"{web.url}/large.jpg", max_bytes=4)


def test_content_that_does_not_come_in_time_is_refused(web: ImageWeb) -> None:
    web.stuck.add("/cat.jpg")
    assert "not complete within 0.2 s" in refusal(f"{web.url}/cat.jpg", timeout_s=0.2)


def test_content_that_ends_too_early_is_refused(web: ImageWeb) -> None:
    web.lengths["/cat.jpg"] = 100
    web.released.set()
    assert "cannot fetch image" in refusal(f"{web.url}/cat.jpg", timeout_s=30)


@pytest.mark.parametrize(
    ("address", "reason"),
    [("http://{none}/cat.jpg", "connection refused"), ("http://", ""), ("https://[::1/cat.jpg", "")],
)
def test_an_address_that_cannot_be_asked_is_refused(address: str, reason: str, deserted_address: str) -> None:
    assert reason in refusal(address.format(none=deserted_address))


def test_a_missing_image_is_refused_by_its_status(web: ImageWeb) -> None:
    assert refusal(f"{web.url}/none.jpg?key=1") == (
        f"cannot fetch image '{web.url}/none.jpg': expected the status 200, got 404"
    )


def test_a_path_object_is_never_an_address() -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        image_file(Path("http://127.0.0.1/cat.jpg"))
