"""Image formats, told by a file's first bytes."""

from __future__ import annotations

import re

FORMATS = "JPEG, PNG, WebP, BMP, TIFF or GIF"

_SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "GIF": rb"GIF8[79]a",
    "WEBP": rb"RIFF....WEBP",
    "BMP": rb"BM",
    "TIFF": rb"II[*+]\x00|MM\x00[*+]",  # + is BigTIFF
}
_ANY = re.compile(b"|".join(b"(?P<%s>%s)" % (name.encode(), s) for name, s in _SIGNATURES.items()), re.DOTALL)


def image_format(file: bytes) -> str | None:
    """Pillow's name of the format that `file` begins like, or None if it is none of the six."""
    match = _ANY.match(file)
    return match.lastgroup if match else None
