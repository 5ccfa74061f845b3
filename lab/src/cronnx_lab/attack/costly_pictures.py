"""Small picture files that take seconds or gigabytes to decode without limits."""

from __future__ import annotations

import struct
from io import BytesIO

from PIL import Image


def bmp_of_ends_of_lines(width: int = 65_535, height: int = 762) -> bytes:
    """A run-length BMP of one pixel per row: Pillow fills the rest of each row in Python."""
    palette, rows = bytes(4 * 256), b"\x01\x00\x00\x00" * height + b"\0\1"
    offset = 54 + len(palette)
    file = b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 256)
    return file + header + palette + rows


def jpeg_of_segments(segment: bytes, count: int) -> bytes:
    """A small JPEG with `count` copies of a segment."""
    file = _encoded(Image.new("RGB", (64, 48)), "JPEG")
    return file[:2] + segment * count + file[2:]


def exif_segment() -> bytes:
    """An Exif segment of ten bytes: Pillow joins all of a file, one by one."""
    return b"\xff\xe1" + struct.pack(">H", 18) + b"Exif\0\0" + bytes(10)


def gif_of_comments(count: int) -> bytes:
    """A small GIF with this many comments."""
    file = _encoded(Image.new("P", (10, 10)), "GIF")
    frame = file.index(b",")
    return file[:frame] + b"!\xfe\1a\0" * count + file[frame:]


def tiff_of_tiles(side: int) -> bytes:
    """A TIFF of tiles of one pixel."""
    count = side * side
    first_tile = 8 + 2 + 12 * 10 + 4
    tags = [(256, side), (257, side), (258, 8), (259, 1), (262, 1), (277, 1), (322, 1), (323, 1)]
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags]
    entries += [
        struct.pack("<HHII", 324, 3, count, first_tile),
        struct.pack("<HHII", 325, 3, count, first_tile + 2 * count),
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<H", 8) * count + struct.pack("<H", 1) * count


def webp_of_one_colour(side: int = 7071) -> bytes:
    """A lossless WebP of 50 megapixels in less than 100 bytes."""
    return _encoded(Image.new("RGB", (side, side)), "WEBP", lossless=True, quality=0, method=0)


def _encoded(image: Image.Image, name: str, **parameters: object) -> bytes:
    file = BytesIO()
    image.save(file, name, **parameters)
    return file.getvalue()
