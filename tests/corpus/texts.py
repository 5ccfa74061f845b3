"""Pictures as text: base64 and data URLs."""

from __future__ import annotations

import re
from base64 import b16encode, b64encode, encodebytes, urlsafe_b64encode

from cronnx_lab.fuzz.images import encode, photo
from tests.corpus.pictures import NO_IMAGE, Picture

NO_BASE64_URL = re.escape("expected a data URL of the form data:image/...;base64,..., got one without base64")


def _file() -> bytes:
    """Return a picture whose base64 ends in two padding characters."""
    file = encode(photo(), "JPEG")
    return file + b"\0" * ((1 - len(file)) % 3)


def _base64() -> bytes:
    return b64encode(_file())


def _text(kind: str, content: bytes, refusal: str | None = None) -> Picture:
    return Picture(kind, lambda: content, refusal, is_text=True)


TEXTS = [
    _text("base64", _base64()),
    _text("base64 in lines", encodebytes(_file())),
    _text("base64 in lines of Windows", encodebytes(_file()).replace(b"\n", b"\r\n")),
    _text("base64 with spaces around", b" \t\n" + _base64() + b"\n"),
    _text("base64 for URLs", urlsafe_b64encode(_file())),
    _text("base64 without its padding", _base64().rstrip(b"=")),
    _text("base64 with one sign of padding too few", _base64()[:-1]),
    _text("base64 with padding too much", _base64() + b"=="),
    _text("base64 with padding in the middle", _base64()[:400] + b"==" + _base64()[400:], NO_IMAGE),
    _text("base64 with one character too many", _base64().rstrip(b"=")[:-1], NO_IMAGE),
    _text("base64 with a character that is none of it", _base64()[:400] + b"*" + _base64()[401:], NO_IMAGE),
    _text("base64 behind a byte order mark", b"\xef\xbb\xbf" + _base64(), NO_IMAGE),
    _text("base64 in quotes", b'"' + _base64() + b'"', NO_IMAGE),
    _text("base64 as Python prints it", repr(_base64()).encode(), NO_IMAGE),
    _text("base64 of base64", b64encode(_base64()), NO_IMAGE),
    _text("base64 of nothing", b"====", NO_IMAGE),
    _text("base64 of a text", b64encode(b"no picture at all"), NO_IMAGE),
    _text("hexadecimal digits", b16encode(_file()), NO_IMAGE),
    _text("percent encoding", _base64().replace(b"+", b"%2B").replace(b"/", b"%2F") + b"%3D", NO_IMAGE),
    _text("a data URL", b"data:image/jpeg;base64," + _base64()),
    _text("a data URL of a wrong type", b"data:text/html;base64," + _base64()),
    _text("a data URL in capitals", b"DATA:IMAGE/JPEG;BASE64," + _base64()),
    _text("a data URL without base64", b"data:image/jpeg," + _base64(), NO_BASE64_URL),
    _text("a data URL without a comma", b"data:image/jpeg;base64", NO_BASE64_URL),
    _text("a data URL with nothing behind it", b"data:image/jpeg;base64,", NO_IMAGE),
    _text("a data URL in a data URL", b"data:image/jpeg;base64,data:image/jpeg;base64," + _base64(), NO_IMAGE),
    _text("a data URL with a header of a megabyte", b"data:" + b"x" * 2**20 + b";base64," + _base64(), NO_BASE64_URL),
    _text("an address", b"https://example.org/cat.jpg", NO_IMAGE),
    _text("a path", b"/etc/passwd", NO_IMAGE),
    _text("a file's address", b"file:///etc/passwd", NO_IMAGE),
    _text("emoji", "😀📷".encode(), NO_IMAGE),
    _text("control characters", bytes(range(1, 32)), NO_IMAGE),
]
