"""The header of a WebP. Source: RFC 9649."""

from __future__ import annotations

from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.formats.exif import exif_orientation, xmp_orientation
from cronnx_preprocess.formats.header import UPRIGHT, Header, damaged, too_many
from cronnx_preprocess.geometry import Size

# An animation has a chunk for each frame.
MAX_CHUNKS = 5000

# libwebp reads 20 MB of noise in more than a second. A photograph of 16 megapixels has 5 MB.
MAX_BYTES = 10 * 2**20

# libwebp keeps two canvases, and hands over a third as bytes, from which Pillow fills a fourth.
_BYTES_PER_PIXEL = 17.0
# Its time: 14 megapixels take 0.4 s, and each megabyte of the file 0.08 s, in the units of the memory above.
_PIXEL_TIME_BYTES = 9.0
_BYTE_TIME_BYTES = 24.0


def read(file: bytes) -> Header:
    """Read the header of a WebP."""
    if len(file) > MAX_BYTES:
        raise InvalidImageError(f"expected a WebP of at most {MAX_BYTES} bytes, got {len(file)}; save it as JPEG")
    size = _size(file)
    found: dict[bytes, int | None] = {}  # the first of each is read
    position = 12
    for _ in range(MAX_CHUNKS):
        name = file[position : position + 4]
        if len(name) < 4:
            break
        start = position + 8
        length = int.from_bytes(file[position + 4 : start], "little")
        position = start + length + length % 2
        if name == b"EXIF" and name not in found:
            found[name] = exif_orientation(file[start:position])
        elif name == b"XMP " and name not in found:
            found[name] = xmp_orientation(file[start:position])
    else:
        raise too_many(f"a WebP with at most {MAX_CHUNKS} chunks")
    orientation = found.get(b"EXIF") or found.get(b"XMP ") or UPRIGHT
    return Header("WEBP", file, size, _bytes_per_pixel(len(file), size), orientation=orientation)


def _bytes_per_pixel(file_bytes: int, size: Size) -> float:
    pixels = max(1, size[0] * size[1])
    return max(_BYTES_PER_PIXEL, _PIXEL_TIME_BYTES + _BYTE_TIME_BYTES * file_bytes / pixels)


def _size(file: bytes) -> Size:
    kind, body = file[12:16], file[20:30]
    if kind == b"VP8X" and len(body) == 10:
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    if kind == b"VP8L" and body[:1] == b"\x2f":
        sides = int.from_bytes(body[1:5], "little")
        return (sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1
    raise damaged("WEBP")
