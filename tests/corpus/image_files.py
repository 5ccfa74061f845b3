"""Unusual image files and damaged ones."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image

from cronnx_lab.fuzz.images import encode, in_mode, photo, png_chunk
from tests.corpus.bombs import png, tiff_with
from tests.corpus.pictures import Picture, unreadable

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")


def cut_short(name: str) -> list[bytes]:
    """Return a file cut off after every tenth byte."""
    file = encode(photo(), name)
    return [file[:end] for end in range(0, len(file), 10)]


def _without_end(name: str) -> bytes:
    return encode(photo(), name)[:-10]


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return encode(photo(), "JPEG", exif=exif)


def _jpeg_with(exif: bytes) -> bytes:
    return encode(photo(), "JPEG", exif=b"Exif\0\0" + exif)


def _exif_loop() -> bytes:
    """Return a JPEG whose EXIF directory links to itself."""
    return _jpeg_with(b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x0112, 3, 1, 6, 8))


def _tiff_loop() -> bytes:
    """Return a TIFF whose directory links to itself."""
    file = bytearray(encode(photo(), "TIFF"))
    directory = struct.unpack_from("<I", file, 4)[0]
    end = directory + 2 + 12 * struct.unpack_from("<H", file, directory)[0]
    file[end : end + 4] = struct.pack("<I", directory)
    return bytes(file)


def _unsupported(kind: str) -> str:
    return f"{kind} is not supported; save it as JPEG or PNG with 8 bits a channel"


def _apple_png() -> bytes:
    file = encode(photo(), "PNG")
    return file[:8] + png_chunk(b"CgBI", b"\x50\x00\x20\x02") + file[8:]


def _animated(name: str) -> bytes:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    return encode(frames[0], name, save_all=True, append_images=frames[1:])


def _with_crc_broken() -> bytes:
    file = bytearray(encode(photo(), "PNG"))
    file[file.index(b"IDAT") + 60] ^= 1
    return bytes(file)


def _changed(file: bytes, marker: bytes, offset: int, value: int) -> bytes:
    """Return a file with one byte changed, `offset` bytes after the marker."""
    changed = bytearray(file)
    changed[changed.index(marker) + offset] = value
    return bytes(changed)


def _sixteen_bit_colours() -> bytes:
    rows = np.zeros((4, 1 + 4 * 6), np.uint8)
    return png(4, 4, rows.tobytes(), depth=16, colour=2)


def _picture_in_exif() -> bytes:
    """Return a JPEG whose EXIF holds a JPEG whose EXIF holds a JPEG."""
    inner = encode(photo().resize((8, 8)), "JPEG")
    for _ in range(3):
        inner = encode(photo().resize((8, 8)), "JPEG", exif=b"Exif\0\0" + inner)
    return inner


def _interlaced() -> bytes:
    file = BytesIO()
    photo().convert("P").save(file, "GIF", interlace=1)
    return file.getvalue()


ODD = [
    Picture("PNG with fewer rows than it says, the others black", lambda: png(400, 400, b"\0" + b"\xff" * 400)),
    *(Picture(f"{name} of 1 by 1", lambda name=name: encode(Image.new("RGB", (1, 1)), name)) for name in FORMATS),
    *(Picture(f"animated {name}", lambda name=name: _animated(name)) for name in ("GIF", "WEBP", "PNG", "MPO", "TIFF")),
    Picture("grey of 16 bits", lambda: encode(in_mode("I;16"), "PNG")),
    Picture("colours of 16 bits", _sixteen_bit_colours),
    Picture("integers of 32 bits", lambda: encode(in_mode("I"), "TIFF")),
    Picture(
        "floating point",
        lambda: encode(in_mode("F"), "TIFF"),
        "expected integer pixels of 8 or 16 bits, got floating-point ones",
    ),
    Picture("CMYK in a JPEG", lambda: encode(in_mode("CMYK"), "JPEG")),
    Picture("CMYK in a TIFF", lambda: encode(in_mode("CMYK"), "TIFF")),
    Picture("black and white", lambda: encode(in_mode("1"), "PNG")),
    Picture("palette with transparency", lambda: encode(in_mode("P"), "PNG", transparency=3)),
    Picture("all transparent", lambda: encode(Image.new("RGBA", (20, 20), (0, 0, 0, 0)), "PNG")),
    Picture("progressive JPEG", lambda: encode(photo(), "JPEG", progressive=True)),
    Picture("interlaced GIF", _interlaced),
    Picture("BMP from top to bottom", lambda: _changed(encode(photo(), "BMP"), b"BM", 0, ord("B"))),
    Picture("JPEG with something behind it", lambda: encode(photo(), "JPEG") + b"PK\x03\x04" * 100),
    Picture("JPEG in a JPEG's EXIF, three deep", _picture_in_exif),
    Picture("EXIF orientation 9", lambda: _exif(9)),
    Picture(
        "EXIF orientation as a text",
        lambda: _jpeg_with(b"II*\0" + struct.pack("<IHHHI4sI", 8, 1, 0x0112, 2, 4, b"lef\0", 0)),
    ),
    Picture("EXIF that is noise", lambda: _jpeg_with(np.random.default_rng(seed=5).bytes(2000))),
    Picture("EXIF cut short", lambda: _jpeg_with(b"II*\0\x08\0\0\0\xff\xff")),
    Picture("EXIF that goes round in circles", _exif_loop),
    Picture("TIFF that goes round in circles", _tiff_loop),
    Picture("JPEG with a profile that is noise", lambda: encode(photo(), "JPEG", icc_profile=b"noise" * 100)),
]

BROKEN = [
    *(
        Picture(f"{name} without its end", lambda name=name: _without_end(name), unreadable(name))
        for name in ("JPEG", "BMP")
    ),
    *(
        Picture(f"half a {name}", lambda name=name: cut_short(name)[len(cut_short(name)) // 2], unreadable(name))
        for name in FORMATS
    ),
    Picture("PNG with a wrong checksum", _with_crc_broken, unreadable("PNG")),
    Picture(
        "PNG whose pixels are no zlib stream", lambda: png(4, 4, more=png_chunk(b"IDAT", b"noise")), unreadable("PNG")
    ),
    Picture("PNG of 3 bits a colour", lambda: png(4, 4, depth=3), unreadable("PNG")),
    Picture(
        "PNG as Xcode writes it",
        _apple_png,
        _unsupported(r"an Apple PNG \(CgBI, as Xcode writes it into apps\)"),
    ),
    Picture("PNG without pixels", lambda: png(4, 4)[:33] + png_chunk(b"IEND", b""), unreadable("PNG")),
    Picture(
        "JPEG of 12 bits",
        lambda: _changed(encode(photo(), "JPEG"), b"\xff\xc0", 4, 12),
        _unsupported("a JPEG of 3 channels of 12 bits"),
    ),
    Picture(
        "JPEG without loss",
        lambda: _changed(encode(photo(), "JPEG"), b"\xff\xc0", 1, 0xC3),
        _unsupported("a lossless JPEG"),
    ),
    Picture(
        "JPEG of 200 channels",
        lambda: _changed(encode(photo(), "JPEG"), b"\xff\xc0", 9, 200),
        _unsupported("a JPEG of 200 channels of 8 bits"),
    ),
    Picture(
        "JPEG without tables", lambda: encode(photo(), "JPEG").replace(b"\xff\xdb", b"\xff\xee"), unreadable("JPEG")
    ),
    Picture(
        "TIFF of an unknown compression",
        lambda: tiff_with({259: 12345}),
        _unsupported(r"a TIFF with unknown \(12345\) compression"),
    ),
    Picture("TIFF whose pixels lie behind its end", lambda: tiff_with({273: 2**31}), unreadable("TIFF")),
    Picture(
        "BMP of an unknown compression", lambda: _changed(encode(photo(), "BMP"), b"BM", 30, 99), unreadable("BMP")
    ),
    Picture("GIF of an impossible code size", lambda: encode(photo(), "GIF")[:-200] + b"\xff" * 200, unreadable("GIF")),
]
