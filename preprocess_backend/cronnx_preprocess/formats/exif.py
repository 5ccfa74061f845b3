"""The orientation in EXIF or XMP metadata; nothing else of them is read.

Source: CIPA DC-008 (EXIF), 4.6.2: EXIF is a TIFF structure, and the orientation is a SHORT of its first directory.
"""

from __future__ import annotations

import re
import struct

_ORIENTATION = 0x0112
_SHORT, _LONG = 3, 4
_LARGEST_DIRECTORY = 1000

# As `Image.getexif` of Pillow: as an attribute or as an element.
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


def exif_orientation(exif: bytes) -> int | None:
    """The orientation in EXIF, 1 to 8; None if it is missing or invalid."""
    start = 0
    while exif.startswith(b"Exif\0\0", start) and start <= 6:
        start += 6
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[start : start + 4])
    if order is None:
        return None
    try:
        directory = start + struct.unpack_from(order + "I", exif, start + 4)[0]
        (count,) = struct.unpack_from(order + "H", exif, directory)
        for index in range(min(count, _LARGEST_DIRECTORY)):
            tag, kind, values = struct.unpack_from(order + "HHI", exif, directory + 2 + 12 * index)
            if tag == _ORIENTATION:
                (value,) = struct.unpack_from(
                    order + ("I" if kind == _LONG else "H"), exif, directory + 10 + 12 * index
                )
                return value if kind in (_SHORT, _LONG) and values == 1 and 1 <= value <= 8 else None
    except struct.error:  # broken metadata, but the picture may be sound
        pass
    return None


def xmp_orientation(xmp: bytes) -> int | None:
    """The orientation in XMP, which counts where EXIF has none; None if it is missing."""
    found = _XMP_ORIENTATION.search(xmp)
    return int(found[1]) if found else None
