from __future__ import annotations

import io
import os
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from cronnx.command_line._image_arguments import images, name

pytestmark = pytest.mark.usefixtures("folder")


def from_standard_input(content: bytes) -> list[str | bytes]:
    Path("input").write_bytes(content)
    with Path("input").open("rb") as file:
        return list(images(["-"], report=pytest.fail, standard_input=file.fileno()))


def test_paths_and_addresses_come_a_line_each_from_standard_input() -> None:
    lines = b"a b.jpg\n\n\xff.jpg\nhttps://example.com/a.jpg\r\n\r\nBMW.jpg"
    expected = ["a b.jpg", "\udcff.jpg", "https://example.com/a.jpg", "BMW.jpg"]
    assert from_standard_input(lines) == expected


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_an_image_comes_whole_from_standard_input(kind: str) -> None:
    file = io.BytesIO()
    Image.effect_noise((300, 200), 50).save(file, kind)
    assert from_standard_input(file.getvalue()) == [file.getvalue()]


def test_an_image_that_comes_in_pieces_is_whole() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"\xff\xd8\xff")
    found = images(["-"], report=pytest.fail, standard_input=reading)
    os.write(writing, b"\n" * 100)
    os.close(writing)
    assert list(found) == [b"\xff\xd8\xff" + b"\n" * 100]
    os.close(reading)


def test_an_image_of_standard_input_is_named_by_its_content() -> None:
    assert name(b"cat") == f"stdin-{sha256(b'cat').hexdigest()[:8]}"
    assert name("cat.jpg") == "cat.jpg"


def test_standard_input_that_cannot_be_read_is_reported() -> None:
    folder = os.open(".", os.O_RDONLY)
    complaints: list[str] = []
    assert list(images(["-"], report=complaints.append, standard_input=folder)) == []
    assert complaints == ["standard input: Is a directory"]
    os.close(folder)
