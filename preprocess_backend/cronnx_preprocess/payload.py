"""The image file inside a payload: raw bytes, base64 or a data URL, and its format by its first bytes."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from typing import NamedTuple

from cronnx_preprocess.errors import InvalidImageError

_SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "GIF": rb"GIF8[79]a",
    "WEBP": rb"RIFF....WEBP",
    "BMP": rb"BM",
    "TIFF": rb"II[*+]\x00|MM\x00[*+]",  # + is BigTIFF
}
_ANY_SIGNATURE = re.compile(b"|".join(b"(?P<%s>%s)" % (name.encode(), s) for name, s in _SIGNATURES.items()), re.DOTALL)
_LONGEST_SIGNATURE = 12

_WHITESPACE = b" \t\r\n\f\v"
_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")
_LONGEST_URL_HEADER = 256


class EncodedImage(NamedTuple):
    """An image file.

    Attributes:
        format: Pillow's name of its format.
        file: Its bytes.
    """

    format: str
    file: bytes


def encoded_image(payload: bytes, *, max_bytes: int) -> EncodedImage:
    """Find the image file in a payload. Raw bytes are not copied.

    Args:
        payload: A file, the base64 of a file, or a data URL with base64.
        max_bytes: The largest file accepted.

    Raises:
        InvalidImageError: The payload is empty, is none of the three, or its file is too large.
    """
    if not payload:
        raise InvalidImageError("expected an image file, got 0 bytes")
    if name := image_format(payload):
        _check_length(len(payload), max_bytes)
        return EncodedImage(name, payload)
    text = payload.lstrip(_WHITESPACE)
    if text[:5].lower() == b"data:":
        return _from_data_url(text, max_bytes)
    return _from_base64(text, max_bytes)


def image_format(file: bytes) -> str | None:
    """Pillow's name of a file's format, or None if it is none of the accepted ones."""
    match = _ANY_SIGNATURE.match(file)
    return match.lastgroup if match else None


def _from_data_url(url: bytes, max_bytes: int) -> EncodedImage:
    header, comma, body = url.partition(b",")
    if not comma or len(header) > _LONGEST_URL_HEADER or not header.lower().endswith(b";base64"):
        raise InvalidImageError("expected a data URL of the form data:image/...;base64,..., got one without base64")
    return _from_base64(body, max_bytes)


def _from_base64(text: bytes, max_bytes: int) -> EncodedImage:
    digits = text.translate(_STANDARD_ALPHABET, _WHITESPACE).rstrip(b"=")
    try:
        # Check the format and the length first: neither garbage nor a file that is too large is decoded as a whole.
        name = image_format(_decode(digits[: _LONGEST_SIGNATURE * 4 // 3]))
        if name:
            _check_length(len(digits) * 3 // 4, max_bytes)
            return EncodedImage(name, _decode(digits))
    except binascii.Error as error:
        raise InvalidImageError(_not_an_image(text)) from error
    raise InvalidImageError(_not_an_image(text))


def _decode(digits: bytes) -> bytes:
    return b64decode(digits + b"=" * (-len(digits) % 4), validate=True)


def _check_length(length: int, max_bytes: int) -> None:
    if length > max_bytes:
        raise InvalidImageError(f"expected at most {max_bytes} bytes, got {length}")


def _not_an_image(text: bytes) -> str:
    formats = "JPEG, PNG, WebP, BMP, TIFF or GIF"
    return f"expected a {formats} image, its base64 or its data URL, got something that starts with {text[:9]!r}"
