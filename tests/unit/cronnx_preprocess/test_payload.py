from __future__ import annotations

import re
from base64 import b64encode, encodebytes, urlsafe_b64encode

import pytest

from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.payload import EncodedImage, encoded_image

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
        (b"", "empty"),
        (b"<!DOCTYPE html>", r"not a JPEG, .* \(starts with b'<!DOCTYPE'\)"),
        (b"\x00\x01\x02", "not a JPEG"),
        (b64encode(b"no image at all"), "not a JPEG"),
        (b64encode(FILE)[:-3] + b"!!!", "not a JPEG"),
        (b64encode(FILE[:102]) + b"A", "not a JPEG"),
        (b"data:image/png,%89PNG", "a data URL that is not base64"),
        (b"data:image/png;base64", "a data URL that is not base64"),
        (b"data:image/png;base64,", "not a JPEG"),
    ],
)
def test_anything_else_is_refused_with_its_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(InvalidImageError, match=f"^{reason}"):
        encoded_image(payload, max_bytes=1000)


@pytest.mark.parametrize("payload", [FILE, b64encode(FILE), b"data:;base64," + b64encode(FILE)])
def test_the_byte_limit_counts_the_file_not_its_encoding(payload: bytes) -> None:
    assert encoded_image(payload, max_bytes=len(FILE)) == EXPECTED
    message = f"{len(FILE)} bytes, at most {len(FILE) - 1} are accepted"
    with pytest.raises(InvalidImageError, match=re.escape(message)):
        encoded_image(payload, max_bytes=len(FILE) - 1)
