"""The header of a JPEG. Source: ITU-T T.81, annex B."""

from __future__ import annotations

import re
from typing import NamedTuple

from cronnx_preprocess.formats.exif import exif_orientation, xmp_orientation
from cronnx_preprocess.formats.header import UPRIGHT, Header, damaged, too_many, truncated, unsupported

# B.1.1.2: 0xFF begins a segment unless zero, a restart marker or padding follows; 0x01 has no length.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)
_LONGEST_JUNK = 2**16

# Metadata of a large depth map fill 300 segments; each scan may come with a few tables.
MAX_SEGMENTS = 1000
MAX_TABLE_BYTES = 2**17

# Each scan of a JPEG passes over the whole picture, however few bytes it has. Encoders write about ten; a file of
# 200 KB can have 20,000, which keeps a core busy for minutes.
MAX_SCANS = 100

_FRAMES = range(0xC0, 0xD0)
_BASELINE, _SEQUENTIAL, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_HUFFMAN_TABLES, _EXTENSION, _ARITHMETIC_TABLES = 0xC4, 0xC8, 0xCC  # among the frames, but none
_START, _END, _SCAN, _TABLES, _RESTARTS, _JFIF, _APP1, _ADOBE = 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xE0, 0xE1, 0xEE
_YCBCR_IDS = b"\1\2\3"
_USUAL_FACTORS = (b"\x11\x11\x11", b"\x21\x11\x11", b"\x12\x11\x11", b"\x22\x11\x11")  # 4:4:4, 4:2:2, 4:4:0, 4:2:0
_ADOBE_TRANSFORM = 15  # its place in the segment, with the marker
_END_OF_IMAGE = bytes((0xFF, _END))
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"

_BYTES_PER_PIXEL = 7.0  # Pillow's four and the array's three
_CMYK_BYTES_PER_PIXEL = 11.0
_BASELINE_BYTES = 1.0  # the time of reading past the coefficients
_COEFFICIENT_BYTES = 2.0  # if there are several scans, libjpeg keeps all coefficients
_USUAL_SCANS = 12
_SCAN_BYTES = 0.25  # the time of each scan beyond them


class _Segments(NamedTuple):
    kept: list[bytes]
    kind: int
    frame: bytes
    orientation: int
    scan: int


def read(file: bytes) -> Header:
    """Read the header of a JPEG; its metadata stay out of Pillow's file."""
    segments = _walk(file)
    frame, kind = segments.frame, segments.kind
    if kind not in (_BASELINE, _SEQUENTIAL, _PROGRESSIVE):
        names = {0xC3: "a lossless JPEG", 0xC9: "an arithmetic-coded JPEG", 0xCA: "an arithmetic-coded JPEG"}
        raise unsupported(names.get(kind, "a hierarchical JPEG"))
    bits, channels = frame[2], frame[7]
    if bits != 8 or channels not in (1, 3, 4):
        raise unsupported(f"a JPEG of {channels} channels of {bits} bits")
    size = int.from_bytes(frame[5:7], "big"), int.from_bytes(frame[3:5], "big")
    return Header(
        "JPEG",
        b"".join((*segments.kept, memoryview(file)[segments.scan :])),
        size,
        _CMYK_BYTES_PER_PIXEL if channels == 4 else _BYTES_PER_PIXEL,
        orientation=segments.orientation,
        fixed_bytes_per_pixel=_fixed_bytes(file, segments),
        is_plain=_is_plain(file, segments),
    )


def _walk(file: bytes) -> _Segments:
    """The segments up to the first scan."""
    kept, kept_bytes = [b"\xff\xd8"], 0
    kind, frame = 0, b""
    found_in: dict[bytes, int | None] = {}  # the first of each is read
    position = 2
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(file, position, position + _LONGEST_JUNK)
        if not found:
            raise truncated("JPEG")
        start, marker, body = found.start(), found[1][0], found.end()
        position = body + int.from_bytes(file[body : body + 2], "big")
        if marker == _SCAN:
            break
        if marker in (_START, _END):
            raise damaged("JPEG")
        is_frame = marker in _FRAMES and marker not in (_HUFFMAN_TABLES, _EXTENSION, _ARITHMETIC_TABLES)
        if is_frame:
            if frame:
                raise damaged("JPEG")
            kind, frame = marker, file[body:position]
        elif marker == _APP1:
            if _EXIF not in found_in and file.startswith(_EXIF, body + 2):
                found_in[_EXIF] = exif_orientation(file[body + 2 : position])
            elif _XMP not in found_in and file.startswith(_XMP, body + 2):
                found_in[_XMP] = xmp_orientation(file[body + 2 : position])
        if (
            is_frame
            or marker in (_HUFFMAN_TABLES, _TABLES, _RESTARTS)
            or (marker == _JFIF and file.startswith(b"JFIF\0", body + 2))
            or (marker == _ADOBE and file.startswith(b"Adobe", body + 2))
        ):
            kept.append(file[start:position])
            kept_bytes += position - start
            if kept_bytes > MAX_TABLE_BYTES:
                raise too_many(f"a JPEG with at most {MAX_TABLE_BYTES} bytes of tables")
    else:
        raise too_many(f"a JPEG with at most {MAX_SEGMENTS} segments before its pixels")
    if not frame:
        raise damaged("JPEG")
    return _Segments(kept, kind, frame, found_in.get(_EXIF) or found_in.get(_XMP) or UPRIGHT, start)


def _is_plain(file: bytes, segments: _Segments) -> bool:
    """Whether it is baseline and YCbCr in a usual subsampling, and has one scan and its end.

    Decoders differ in what they make of RGB and CMYK, of a file without its end, and of rare subsampling.
    """
    frame, start = segments.frame, segments.scan
    is_ycbcr = frame[8:17:3] == _YCBCR_IDS and not any(
        segment[1] == _ADOBE and segment[_ADOBE_TRANSFORM : _ADOBE_TRANSFORM + 1] != b"\1" for segment in segments.kept
    )
    return (
        segments.kind == _BASELINE
        and is_ycbcr
        and frame[9:18:3] in _USUAL_FACTORS
        and file[start + 4] == len(_YCBCR_IDS)
        and file.endswith(_END_OF_IMAGE)
    )


def _fixed_bytes(file: bytes, segments: _Segments) -> float:
    channels = segments.frame[7]
    # Most files have one scan with all channels, and their pixels are not searched.
    if segments.kind != _PROGRESSIVE and file[segments.scan + 4] == channels:
        return _BASELINE_BYTES
    scans = count_scans(file, segments.scan)
    if scans > MAX_SCANS:
        raise too_many(f"a JPEG with at most {MAX_SCANS} scans")
    factors = segments.frame[9 : 8 + 3 * channels : 3]
    areas = [(factor >> 4) * (factor & 15) for factor in factors]
    largest = max(factor >> 4 for factor in factors) * max(factor & 15 for factor in factors)
    return _COEFFICIENT_BYTES * sum(areas) / max(1, largest) + _SCAN_BYTES * max(0, scans - _USUAL_SCANS)


def count_scans(file: bytes, position: int) -> int:
    """The number of scans from a position on, up to MAX_SCANS + 1, not counting pictures after the end.

    Raises:
        InvalidImageError: There are more segments than an encoder writes.
    """
    count = 0
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(file, position)
        if not found or found[1][0] == _END or count > MAX_SCANS:
            return count
        body = found.end()
        count += found[1][0] == _SCAN
        position = body + int.from_bytes(file[body : body + 2], "big")
    raise too_many(f"a JPEG with at most {MAX_SEGMENTS} segments from its first scan on")
