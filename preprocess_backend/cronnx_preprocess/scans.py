"""The scans of a JPEG: each passes over every block of the picture, however few bytes it has."""

from __future__ import annotations

import re

# A tenth is usual. A file of 200 KB may have 20,000, and keep a core busy for minutes.
MOST_SCANS = 100

_START_OF_SCAN = b"\xda"
_END_OF_IMAGE = b"\xd9"
_FRAMES = (b"\xc0", b"\xc1")  # all channels of theirs may be in one scan, and no other follows

# ITU-T T.81, B.1.1.2: 0xFF begins a segment unless zero, a restart marker or padding follows; 0x01 has no length.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)


def has_too_many_scans(file: bytes) -> bool:
    """Whether a JPEG has more than MOST_SCANS; pictures in its metadata or behind its end do not count."""
    count, position, channels = 0, 2, None
    while (marker := _MARKER.search(file, position)) and marker[1] != _END_OF_IMAGE:
        segment = marker.end()
        if marker[1] in _FRAMES:
            channels = file[segment + 7 : segment + 8]
        if marker[1] == _START_OF_SCAN:
            if file[segment + 2 : segment + 3] == channels:  # most files: not a byte of their pixels is looked at
                return False
            count += 1
            if count > MOST_SCANS:
                return True
        position = segment + int.from_bytes(file[segment : segment + 2], "big")
    return False
