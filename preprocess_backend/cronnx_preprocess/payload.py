"""The image file inside a payload: raw bytes, base64, or a data URL."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import NamedTuple

from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.signature import FORMATS, image_format

_WHITESPACE = b" \t\r\n\f\v"
_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")
_LONGEST_URL_HEADER = 256
_LONGEST_SIGNATURE = 12


class EncodedImage(NamedTuple):
    """An image file: Pillow's name of its format, and its bytes."""

    format: str
    file: bytes


def encoded_image(payload: bytes, *, max_bytes: int) -> EncodedImage:
    """The image file that `payload` carries; raw bytes are passed on, not copied.

    Raises:
        InvalidImageError: It is empty, larger than `max_bytes`, or none of the three forms.
    """
    if not payload:
        raise InvalidImageError("empty: expected the bytes of an image file")
    if name := image_format(payload):
        _check_length(len(payload), max_bytes)
        return EncodedImage(name, payload)
    text = payload.lstrip(_WHITESPACE)
    if text[:5].lower() == b"data:":
        return _from_data_url(text, max_bytes)
    return _from_base64(text, max_bytes)


def _from_data_url(url: bytes, max_bytes: int) -> EncodedImage:
    header, comma, body = url.partition(b",")
    if not comma or len(header) > _LONGEST_URL_HEADER or not header.lower().endswith(b";base64"):
        raise InvalidImageError("a data URL that is not base64: expected data:image/...;base64,...")
    return _from_base64(body, max_bytes)


def _from_base64(text: bytes, max_bytes: int) -> EncodedImage:
    digits = text.translate(_STANDARD_ALPHABET, _WHITESPACE).rstrip(b"=")
    try:
        # Neither garbage nor a file too large is decoded to its end.
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
        raise InvalidImageError(f"{length} bytes, at most {max_bytes} are accepted")


def _not_an_image(text: bytes) -> str:
    return f"not a {FORMATS} image, nor the base64 or data URL of one (starts with {text[:9]!r})"
