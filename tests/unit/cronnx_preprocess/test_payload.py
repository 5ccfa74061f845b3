from __future__ import annotations

import re
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable

import pytest
from PIL import Image

from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.payload import EncodedImage, encoded_image, image_format

# Bytes whose base64 uses both characters that the url-safe alphabet replaces, and needs padding.
FILE = b"\xff\xd8\xff" + bytes([251, 239, 190, 255, 255]) * 20
EXPECTED = EncodedImage("JPEG", FILE)


def test_raw_bytes_are_passed_on_without_a_copy() -> None:
    assert encoded_image(FILE, max_bytes=1000).file is FILE


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b64encode(FILE), id="base64"),
        pytest.param(b64encode(FILE).rstrip(b"="), id="padding missing"),
        pytest.param(urlsafe_b64encode(FILE), id="url-safe"),
        pytest.param(encodebytes(FILE), id="lines"),
        pytest.param(b"\r\n " + b64encode(FILE) + b"\t\n", id="whitespace around"),
        pytest.param(b"data:image/jpeg;base64," + b64encode(FILE), id="data URL"),
        pytest.param(b"DATA:;BASE64," + b64encode(FILE), id="data URL without a type, in capitals"),
    ],
)
def test_every_textual_form_carries_the_same_file(payload: bytes) -> None:
    assert encoded_image(payload, max_bytes=len(FILE)) == EXPECTED


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "expected an image file, got 0 bytes"),
        (b"<!DOCTYPE html>", r"expected a JPEG, .*, got something that starts with b'<!DOCTYPE'"),
        (b"\x00\x01\x02", "expected a JPEG"),
        (b64encode(b"no image at all"), "expected a JPEG"),
        (b64encode(FILE)[:-3] + b"!!!", "expected a JPEG"),
        (b64encode(FILE[:102]) + b"A", "expected a JPEG"),
        (b"data:image/png,%89PNG", "expected a data URL of the form"),
        (b"data:image/png;base64", "expected a data URL of the form"),
        (b"data:image/png;base64,", "expected a JPEG"),
    ],
)
def test_anything_else_is_refused_with_its_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(InvalidImageError, match=f"^{reason}"):
        encoded_image(payload, max_bytes=1000)


@pytest.mark.parametrize("payload", [FILE, b64encode(FILE), b"data:;base64," + b64encode(FILE)])
def test_the_byte_limit_counts_the_file_not_its_encoding(payload: bytes) -> None:
    assert encoded_image(payload, max_bytes=len(FILE)) == EXPECTED
    message = f"expected at most {len(FILE) - 1} bytes, got {len(FILE)}"
    with pytest.raises(InvalidImageError, match=re.escape(message)):
        encoded_image(payload, max_bytes=len(FILE) - 1)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_each_accepted_format_is_told_by_its_first_bytes(name: str, encode: Callable[..., bytes]) -> None:
    assert image_format(encode(Image.new("RGB", (2, 2)), name)) == name


@pytest.mark.parametrize("start", [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"])
def test_tiff_and_bigtiff_of_both_byte_orders_are_tiff(start: bytes) -> None:
    assert image_format(start) == "TIFF"


@pytest.mark.parametrize("file", [b"", b"<!DOCTYPE", b"RIFF....WAVE", b"%PDF", b" \xff\xd8\xff"])
def test_anything_else_has_no_format(file: bytes) -> None:
    assert image_format(file) is None
