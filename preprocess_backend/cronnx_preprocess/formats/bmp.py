"""The header of a BMP. Source: Microsoft, BITMAPINFOHEADER and BITMAPCOREHEADER."""

from __future__ import annotations

import struct

from cronnx_preprocess.formats.header import Header, damaged, truncated, unsupported

_BYTES_PER_PIXEL = 8.0

# Pillow decodes run-length encoding a byte at a time in Python: 4 KB take seconds, in which no other thread runs.
_UNSUPPORTED = {1: "RLE", 2: "RLE", 4: "JPEG", 5: "PNG"}


def read(file: bytes) -> Header:
    """Read the header of a BMP."""
    offset, length = struct.unpack_from("<II", file, 10)
    if length == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", file, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", file, 18)
    if compression in _UNSUPPORTED:
        raise unsupported(f"a BMP with {_UNSUPPORTED[compression]} compression")
    if bits not in (1, 4, 8, 16, 24, 32):
        raise damaged("BMP")
    height = abs(height)
    row_bytes = (width * bits + 31) // 32 * 4
    # Pillow would allocate the pixels before it finds that they are missing. The padding of the last row may be.
    if 0 < width * height <= 2**31 and offset + row_bytes * height > len(file) + row_bytes:
        raise truncated("BMP")
    return Header("BMP", file, (width, height), _BYTES_PER_PIXEL)
