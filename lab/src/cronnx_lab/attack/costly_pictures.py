"""Small picture files that take seconds or gigabytes to decode without limits."""

from __future__ import annotations

import struct

from PIL import Image

from cronnx_lab.fuzz.images import encode


def bmp_of_runs(bits: int = 8, compression: int = 1) -> bytes:
    """A BMP of 4 KB with one run in each of its rows of 65,535 pixels: Pillow fills the rest of each in Python."""
    height, palette = 762, bytes(4 * 256)
    runs = b"\x01\x00\x00\x00" * height + b"\0\1"
    size = 54 + len(palette) + len(runs)
    head = b"BM" + struct.pack("<IHHI", size, 0, 0, 54 + len(palette))
    info = struct.pack("<IiiHHIIiiII", 40, 65_535, height, 1, bits, compression, len(runs), 0, 0, 256, 256)
    return head + info + palette + runs


def jpeg_of_segments(segment: bytes, count: int) -> bytes:
    """A small JPEG with `count` copies of a segment."""
    file = encode(Image.new("RGB", (64, 48)), "JPEG")
    return file[:2] + segment * count + file[2:]


def exif_segment() -> bytes:
    """An Exif segment of ten bytes: Pillow joins all of a file, one by one."""
    return b"\xff\xe1" + struct.pack(">H", 18) + b"Exif\0\0" + bytes(10)


def gif_of_comments(count: int) -> bytes:
    """A small GIF with this many comments."""
    file = encode(Image.new("P", (10, 10)), "GIF")
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
