"""The header of a PNG. Source: the PNG specification, W3C, sections 5 and 11."""

from __future__ import annotations

import struct
import zlib

from cronnx_preprocess.formats.exif import exif_orientation, xmp_orientation
from cronnx_preprocess.formats.header import UPRIGHT, Header, damaged, too_many, unsupported

# libpng cuts pixels into chunks of 8 KB.
MAX_CHUNKS = 10_000
_LARGEST_TEXT = 2**20

_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_BYTES_PER_PIXEL = 10.0  # to which those in the file come


def read(file: bytes) -> Header:
    """Read the header of a PNG; only what makes its pixels stays in Pillow's file."""
    if file[12:16] == b"CgBI":
        raise unsupported("an Apple PNG (CgBI, as Xcode writes it into apps)")
    width, height, bits, colour = struct.unpack_from(">IIBB", file, 16)
    if file[12:16] != b"IHDR" or colour not in _CHANNELS:
        raise damaged("PNG")
    kept, orientation = _walk(file)
    in_file = bits * _CHANNELS[colour] / 8
    return Header("PNG", kept, (width, height), _BYTES_PER_PIXEL + in_file, orientation=orientation)


def _walk(file: bytes) -> tuple[bytes, int]:
    """The file without its metadata, and its orientation."""
    view = memoryview(file)
    runs, run = [view[:8]], 8
    found: dict[str, int | None] = {}  # the first of each is read
    position = 8
    for _ in range(MAX_CHUNKS):
        start, name = position, file[position + 4 : position + 8]
        if len(name) < 4:
            break
        position += 12 + int.from_bytes(file[position : position + 4], "big")
        if name in _KEPT:
            if name == b"IEND":
                break
            continue
        runs.append(view[run:start])
        run = position
        body = slice(start + 8, position - 4)
        if name == b"eXIf" and "exif" not in found:
            found["exif"] = exif_orientation(file[body])
        elif name == b"zTXt" and "text" not in found and file.startswith(b"Raw profile type exif\0\0", start + 8):
            found["text"] = _profile_orientation(file[body])
        elif name == b"iTXt" and "xmp" not in found and file.startswith(b"XML:com.adobe.xmp\0", start + 8):
            found["xmp"] = xmp_orientation(file[body])
    else:
        raise too_many(f"a PNG with at most {MAX_CHUNKS} chunks")
    runs.append(view[run:position])
    return b"".join(runs), found.get("exif") or found.get("text") or found.get("xmp") or UPRIGHT


def _profile_orientation(text: bytes) -> int | None:
    """The orientation in EXIF as ImageMagick writes it: compressed, after three lines, in hexadecimal digits."""
    try:
        lines = zlib.decompressobj().decompress(text[len(b"Raw profile type exif\0\0") :], _LARGEST_TEXT).split(b"\n")
        return exif_orientation(bytes.fromhex(b"".join(lines[3:]).decode("ascii")))
    except (zlib.error, ValueError):  # broken metadata, but the picture may be sound
        return None
