"""The header of a GIF. Source: the GIF89a specification, CompuServe."""

from __future__ import annotations

import struct

from cronnx_preprocess.formats.header import Header, too_many, truncated

# Pillow reads each block in Python: 2,000 are half a megabyte of comments.
MAX_BLOCKS = 2000

_BYTES_PER_PIXEL = 10.0
_EXTENSION, _IMAGE, _END = b"!", b",", b";"


def read(file: bytes) -> Header:
    """Read the header of a GIF. A first frame larger than the screen enlarges it."""
    width, height, flags = struct.unpack_from("<HHB", file, 6)
    position, blocks = 13 + (3 << (flags & 7) + 1 if flags & 128 else 0), 0
    while blocks < MAX_BLOCKS:
        blocks += 1
        separator = file[position : position + 1]
        if separator == _IMAGE:
            left, top, frame_width, frame_height = struct.unpack_from("<HHHH", file, position + 1)
            size = max(width, left + frame_width), max(height, top + frame_height)
            return Header("GIF", file, size, _BYTES_PER_PIXEL)
        if not separator or separator == _END:
            raise truncated("GIF")
        position += 1  # anything else is junk, which Pillow skips
        if separator == _EXTENSION:
            position += 1
            while (length := file[position]) and blocks < MAX_BLOCKS:
                position += 1 + length
                blocks += 1
            position += 1
    raise too_many(f"a GIF with at most {MAX_BLOCKS} blocks before its picture")
