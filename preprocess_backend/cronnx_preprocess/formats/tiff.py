"""The header of a TIFF. Source: TIFF 6.0, Adobe; BigTIFF, libtiff; JPEG in TIFF by Adobe's technical note 2."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import NamedTuple

from cronnx_preprocess.formats.header import UPRIGHT, Header, damaged, too_many, truncated, unsupported
from cronnx_preprocess.geometry import Size

MAX_TAGS = 1000
# Pillow places each strip or tile of uncompressed pixels in Python. libtiff writes strips of 8 KB.
MAX_PARTS = 10_000
_LARGEST_SMALL_TILE = 512 * 512  # a picture may be smaller than its only tile

_BYTES_PER_PIXEL = 7.0  # to which those of the decoded strips come

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _ORIENTATION, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES, _PLANES = 273, 274, 277, 278, 279, 284
_COLOUR_MAP, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 320, 322, 323, 324, 325
_EXTRA_SAMPLES, _SAMPLE_FORMAT, _JPEG_TABLES = 338, 339, 347

# What makes the pixels. The orientation is not among them: Pillow would turn the whole picture.
_KEPT = {
    *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, 266, _STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES),
    *(_PLANES, 292, 293, 317, _COLOUR_MAP, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES, 332, 336),
    *(_EXTRA_SAMPLES, _SAMPLE_FORMAT, _JPEG_TABLES, 529, 530, 531, 532),
}

_UNCOMPRESSED, _JPEG = 1, 7
_PROGRESSIVE = b"\xff\xc2"
# B.2.3 of ITU-T T.81: the marker of a scan, the length of its header, and its number of channels.
_SCAN = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
_SUPPORTED = {_UNCOMPRESSED, 2, 3, 4, 5, _JPEG, 8, 32773, 32946}  # fax, LZW, JPEG, Deflate, PackBits
_COMPRESSIONS = {
    6: "old-style JPEG",
    32809: "ThunderScan",
    32909: "PixarLog",
    34661: "JBIG",
    34676: "SGILog",
    34677: "SGILog24",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
}
_PHOTOMETRICS = {0: "WhiteIsZero", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab"}
_FORMATS = {2: "signed", 3: "floating-point", 4: "undefined", 5: "complex", 6: "complex"}

_TYPES = {1: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}


class _Directory:
    """The first directory of a TIFF, in either byte order, of 32 or 64 bits."""

    def __init__(self, file: bytes) -> None:
        self.file = file
        self.order = "<" if file.startswith(b"II") else ">"
        self.is_big = b"+" in file[2:4]
        self._head, self._word = ("HHQ", "Q") if self.is_big else ("HHI", "I")
        start = self.unpack(self._word, 8 if self.is_big else 4)
        count = self.unpack("Q" if self.is_big else "H", start)
        if count > MAX_TAGS:
            raise too_many(f"a TIFF with at most {MAX_TAGS} tags")
        self._size, first = (20, start + 8) if self.is_big else (12, start + 2)
        self._entries = {
            self.unpack("H", at): at for at in range(first, min(first + count * self._size, len(file)), self._size)
        }

    def unpack(self, code: str, position: int) -> int:
        """A number of the file."""
        value: int = struct.unpack_from(self.order + code, self.file, position)[0]
        return value

    def count(self, tag: int) -> int:
        """How many values a tag has; 0 if it is missing."""
        return self.unpack(self._word, self._entries[tag] + 4) if tag in self._entries else 0

    def values(self, tag: int, default: Sequence[int] = ()) -> Sequence[int]:
        """The values of a tag of whole numbers."""
        if tag not in self._entries:
            return default
        code, count = _TYPES.get(self.unpack("H", self._entries[tag] + 2)), self.count(tag)
        if code is None or not 0 < count <= MAX_PARTS:
            raise damaged("TIFF")
        return struct.unpack_from(f"{self.order}{count}{code}", self.file, self._position(tag, count, code))

    def first(self, tag: int, default: int = 0) -> int:
        """The first value of a tag."""
        return self.values(tag, (default,))[0]

    def _position(self, tag: int, count: int, code: str) -> int:
        at = self._entries[tag] + 4 + struct.calcsize(self._word)
        return at if count * struct.calcsize(code) <= struct.calcsize(self._word) else self.unpack(self._word, at)

    def without_metadata(self, colours: bytes) -> bytes:
        """The file with a new directory at its end, of the tags that make the pixels, and a new colour map if any."""
        entries = []
        end = len(self.file) + len(self.file) % 2
        for tag in sorted(self._entries.keys() & _KEPT):
            if self.count(tag) > MAX_PARTS and tag != _JPEG_TABLES:
                raise damaged("TIFF")
            entry = self.file[self._entries[tag] : self._entries[tag] + self._size]
            if tag == _COLOUR_MAP and colours:
                entry = struct.pack(self.order + self._head + self._word, tag, 3, len(colours) // 2, end)
            entries.append(entry)
        word = struct.calcsize(self._word)
        directory = struct.pack(self.order + ("Q" if self.is_big else "H"), len(entries)) + b"".join(entries)
        head = self.file[: 8 if self.is_big else 4] + struct.pack(self.order + self._word, end + len(colours))
        return b"".join(
            (head, memoryview(self.file)[len(head) :], bytes(len(self.file) % 2), colours, directory, bytes(word))
        )


class _Kind(NamedTuple):
    bits: int
    channels: int
    photometric: int
    number: int

    def __str__(self) -> str:
        photometric = _PHOTOMETRICS.get(self.photometric, f"photometric interpretation {self.photometric}")
        number = f"{_FORMATS[self.number]} " if self.number in _FORMATS else ""
        channels = "1 channel" if self.channels == 1 else f"{self.channels} channels"
        return f"a TIFF of {channels} of {self.bits} {number}bits ({photometric})"


def read(file: bytes) -> Header:
    """Read the header of a TIFF; what is not needed for its pixels stays out of Pillow's file."""
    directory = _Directory(file)
    size = directory.first(_WIDTH), directory.first(_HEIGHT)
    compression = directory.first(_COMPRESSION, _UNCOMPRESSED)
    if compression not in _SUPPORTED:
        raise unsupported(f"a TIFF with {_COMPRESSIONS.get(compression, f'unknown ({compression})')} compression")
    kind = _Kind(
        directory.first(_BITS, 1),
        directory.first(_SAMPLES, 1),
        directory.first(_PHOTOMETRIC),
        directory.first(_SAMPLE_FORMAT, 1),
    )
    if kind.photometric == 0 and kind.bits > 8:
        raise unsupported(str(kind))  # Pillow would not turn it from negative to positive
    _check_parts(directory, size, kind, compression)
    orientation = directory.first(_ORIENTATION, UPRIGHT)
    return Header(
        "TIFF",
        directory.without_metadata(_sixteen_bit_colours(directory)),
        size,
        _BYTES_PER_PIXEL + kind.bits * kind.channels / 8,
        orientation=orientation if orientation in range(1, 9) else UPRIGHT,
        kind=str(kind),
    )


def _check_parts(directory: _Directory, size: Size, kind: _Kind, compression: int) -> None:
    """Check that the strips or tiles are few, lie in the file, share no bytes of it, and are not larger than needed."""
    tiled = directory.count(_TILE_OFFSETS) > 0
    tags = (_TILE_OFFSETS, _TILE_BYTES) if tiled else (_STRIP_OFFSETS, _STRIP_BYTES)
    if directory.count(tags[0]) > MAX_PARTS:
        raise too_many(f"a TIFF with at most {MAX_PARTS} strips or tiles")
    offsets = directory.values(tags[0])
    if tiled:
        part = directory.first(_TILE_WIDTH), directory.first(_TILE_HEIGHT)
    else:
        part = size[0], min(directory.first(_ROWS_PER_STRIP, size[1]), size[1])
    if not offsets or min(part) < 1 or part[0] * part[1] > max(4 * size[0] * size[1], _LARGEST_SMALL_TILE):
        raise damaged("TIFF")
    if compression == _UNCOMPRESSED:  # Pillow does not look at the numbers of bytes, and some writers leave them out
        row_bytes = (part[0] * kind.bits * (kind.channels if directory.first(_PLANES, 1) == 1 else 1) + 7) // 8
        per_plane = 1 if tiled else -(-size[1] // part[1])
        lengths: Sequence[int] = [
            row_bytes * (part[1] if tiled else min(part[1], size[1] - index % per_plane * part[1]))
            for index in range(len(offsets))
        ]
    else:
        lengths = directory.values(tags[1])
    parts = [(offset, offset + length) for offset, length in zip(offsets, lengths, strict=True)]
    if any(end > len(directory.file) for _, end in parts):
        raise truncated("TIFF")
    if sum(lengths) > len(directory.file):
        raise damaged("TIFF")
    if compression == _JPEG:
        channels = kind.channels if directory.first(_PLANES, 1) == 1 else 1
        if any(_needs_several_scans(directory.file, start, end, channels) for start, end in parts):
            raise unsupported("a TIFF with a progressive JPEG, or one of several scans,")


def _needs_several_scans(file: bytes, start: int, end: int, channels: int) -> bool:
    """Whether a JPEG is progressive or has not exactly one scan of all channels: libjpeg then keeps all coefficients.

    They may take gigabytes, because libtiff accepts a JPEG that is higher than its strip.
    """
    scans = _SCAN.findall(file, start, end)
    return file.find(_PROGRESSIVE, start, end) >= 0 or len(scans) > 1 or any(scan[-1] != channels for scan in scans)


def _sixteen_bit_colours(directory: _Directory) -> bytes:
    """A colour map whose writer took 255 for white, where TIFF has 65535, in TIFF's range; empty if it need not change.

    libtiff's tools guess the same.
    """
    colours = directory.values(_COLOUR_MAP)
    if not colours or max(colours) > 255:
        return b""
    return struct.pack(f"{directory.order}{len(colours)}H", *(257 * colour for colour in colours))
