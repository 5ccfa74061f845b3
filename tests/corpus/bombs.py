"""Small files that would need many pixels, bytes or seconds to decode."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image

from cronnx_lab.attack.costly_pictures import bmp_of_runs, exif_segment, gif_of_comments, jpeg_of_segments
from cronnx_lab.fuzz.images import encode, photo, png_chunk, webp_of_one_colour
from tests.corpus.pictures import Picture, unreadable

LARGEST_FILE = 20 * 2**20


def png(width: int, height: int, pixels: bytes = b"", *, depth: int = 8, colour: int = 0, more: bytes = b"") -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    end = png_chunk(b"IDAT", zlib.compress(pixels)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + more + end


def jpeg_of(width: int, height: int) -> bytes:
    """Return a JPEG whose frame header has this size."""
    file = bytearray(encode(photo(), "JPEG"))
    frame = file.index(b"\xff\xc0") + 5
    file[frame : frame + 4] = struct.pack(">HH", height, width)
    return bytes(file)


def gif_of(width: int, height: int, *, screen: tuple[int, int] | None = None) -> bytes:
    """Return a GIF whose screen has this size, or with `screen`, whose first frame has it."""
    file = bytearray(encode(photo(), "GIF"))
    file[6:10] = struct.pack("<HH", *(screen or (width, height)))
    frame = file.index(b"\x2c", 13 + 768) + 5
    file[frame : frame + 4] = struct.pack("<HH", width, height)
    return bytes(file)


def bmp_of(width: int, height: int) -> bytes:
    file = bytearray(encode(photo(), "BMP"))
    file[18:26] = struct.pack("<ii", width, height)
    return bytes(file)


def webp_of(width: int, height: int) -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    file = bytearray(encode(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    canvas = file.index(b"VP8X") + 12
    file[canvas : canvas + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(file)


def tiff_with(changed: dict[int, int], *, mode: str = "L") -> bytes:
    """Return a TIFF with changed values of some tags, each stored as a long."""
    file = bytearray(encode(photo().convert(mode), "TIFF"))
    directory = struct.unpack_from("<I", file, 4)[0]
    for entry in range(directory + 2, directory + 2 + 12 * struct.unpack_from("<H", file, directory)[0], 12):
        tag = struct.unpack_from("<H", file, entry)[0]
        if tag in changed:
            file[entry + 2 : entry + 12] = struct.pack("<HII", 4, 1, changed[tag])
    return bytes(file)


def tiff_of(width: int, height: int) -> bytes:
    return tiff_with({256: width, 257: height})


def progressive_of_many_scans(count: int) -> bytes:
    """Return a large grey progressive JPEG that repeats its last scan; each scan covers every block."""
    file = encode(Image.new("L", (2048, 2048), 128), "JPEG", progressive=True)
    last = file.rindex(b"\xff\xda")
    return file[:last] + file[last:-2] * count + b"\xff\xd9"


def jpeg_of_segments_behind_a_scan(segment: bytes, count: int) -> bytes:
    file = encode(photo(), "JPEG", progressive=True)
    return file[:-2] + segment * count + file[-2:]


def tiff_of_a_higher_jpeg() -> bytes:
    """Return a TIFF with a JPEG of 65,500 rows, of which the first scan has one channel."""
    file = bytearray(encode(photo(), "TIFF", compression="jpeg"))
    rows = file.index(b"\xff\xc0") + 5
    file[rows : rows + 2] = struct.pack(">H", 65_500)
    return bytes(file).replace(b"\xff\xda\x00\x0c\x03", b"\xff\xda\x00\x08\x01")


def _text_chunk() -> bytes:
    return png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"\0" * 100 * 2**20, 9))


def _profile_chunk() -> bytes:
    return png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(b"\0" * 100 * 2**20, 9))


def _noise(byte_count: int) -> bytes:
    return np.random.default_rng(seed=3).bytes(byte_count)


def _too_large(width: int, height: int) -> str:
    pixels = rf"{width * height} \({width}x{height}\)"
    return rf"expected at most \d+ pixels( in a \w+ of this kind)?, got {pixels}; make it smaller"


def _png_with_chunks(name: bytes) -> bytes:
    return png(4, 4, b"\0" * 20, more=png_chunk(name, b"") * 100_000)


_TOO_MANY_SEGMENTS = "expected a JPEG with at most 1000 segments before its pixels, got more; save it again .*"
_TOO_MANY_CHUNKS = "expected a PNG with at most 10000 chunks, got more; save it again .*"
_RLE = "a BMP with RLE compression is not supported; save it as JPEG or PNG with 8 bits a channel"


BOMBS = [
    Picture("PNG of 30,000 by 30,000", lambda: png(30_000, 30_000), _too_large(30_000, 30_000)),
    Picture("PNG of 2^31 - 1 squared", lambda: png(2**31 - 1, 2**31 - 1), _too_large(2**31 - 1, 2**31 - 1)),
    Picture("JPEG of 65,500 squared", lambda: jpeg_of(65_500, 65_500), _too_large(65_500, 65_500)),
    Picture("GIF of 65,535 squared", lambda: gif_of(65_535, 65_535), _too_large(65_535, 65_535)),
    Picture(
        "GIF of a frame larger than its screen",
        lambda: gif_of(65_535, 65_535, screen=(1, 1)),
        _too_large(65_535, 65_535),
    ),
    Picture("BMP of 2^31 - 1 squared", lambda: bmp_of(2**31 - 1, 2**31 - 1), _too_large(2**31 - 1, 2**31 - 1)),
    Picture("WebP of 16,384 squared", lambda: webp_of(16_384, 16_384), _too_large(16_384, 16_384)),
    Picture("TIFF of 2^32 - 1 squared", lambda: tiff_of(2**32 - 1, 2**32 - 1), unreadable("TIFF")),
    Picture("TIFF of a strip of 4 GB", lambda: tiff_with({279: 2**32 - 1})),
    Picture("PNG of 49 megapixels in 50 KB", lambda: png(7000, 7000, b"\0" * 7001 * 7000), _too_large(7000, 7000)),
    Picture("PNG with a text of 100 MB", lambda: png(1, 1, b"\0\0", more=_text_chunk())),
    Picture("PNG with a profile of 100 MB", lambda: png(1, 1, b"\0\0", more=_profile_chunk())),
    Picture("PNG of 100,000 chunks", lambda: _png_with_chunks(b"prIv"), _TOO_MANY_CHUNKS),
    Picture("PNG of 100,000 empty parts of pixels", lambda: _png_with_chunks(b"IDAT"), _TOO_MANY_CHUNKS),
    Picture("WebP of 50 megapixels in 40 bytes", lambda: webp_of_one_colour(7071, 7071), _too_large(7071, 7071)),
    Picture("WebP of 12 megapixels in 40 bytes", lambda: webp_of_one_colour(3500, 3500)),
    Picture("BMP of 50 megapixels in runs of 8 bits", lambda: bmp_of_runs(8, 1), _RLE),
    Picture("BMP of 50 megapixels in runs of 4 bits", lambda: bmp_of_runs(4, 2), _RLE),
    Picture(
        "JPEG of 100,000 parts of EXIF",
        lambda: jpeg_of_segments(exif_segment(), 100_000),
        _TOO_MANY_SEGMENTS,
    ),
    Picture("JPEG of 100,000 comments", lambda: jpeg_of_segments(b"\xff\xfe\x00\x02", 100_000), _TOO_MANY_SEGMENTS),
    Picture(
        "GIF of 100,000 comments",
        lambda: gif_of_comments(100_000),
        "expected a GIF with at most 2000 blocks before its picture, got more; save it again .*",
    ),
    Picture(
        "JPEG of 20,000 scans",
        lambda: progressive_of_many_scans(20_000),
        "expected a JPEG with at most 100 scans, got more; save it again with another program",
    ),
    Picture(
        "JPEG of 100,000 segments behind a scan",
        lambda: jpeg_of_segments_behind_a_scan(b"\xff\xe1\x00\x02", 100_000),
        "expected a JPEG with at most 1000 segments from its first scan on, got more; save it again .*",
    ),
    Picture("JPEG of 10 MB of fill bytes", lambda: jpeg_of_segments_behind_a_scan(b"\xff", 10**7)),
    Picture(
        "TIFF of a JPEG that is higher",
        tiff_of_a_higher_jpeg,
        "a TIFF with a progressive JPEG, or one of several scans, is not supported; .*",
    ),
    Picture(
        "JPEG of 20 MiB and a byte",
        lambda: encode(photo(), "JPEG").ljust(LARGEST_FILE + 1, b"\0"),
        f"expected at most {LARGEST_FILE} bytes, got {LARGEST_FILE + 1}",
    ),
    Picture(
        "JPEG of 100 MB",
        lambda: encode(photo(), "JPEG").ljust(10**8, b"\0"),
        f"expected at most {LARGEST_FILE} bytes, got 100000000",
    ),
    Picture("PNG of 70,000 by 1", lambda: png(70_000, 1), "expected at most 65535 pixels a side, got 70000x1"),
    Picture("PNG of 30,000 by 1", lambda: png(30_000, 1, b"\0" * 30_001)),
    Picture("PNG of 1 by 30,000", lambda: png(1, 30_000, b"\0\0" * 30_000)),
    Picture("PNG of 0 by 0", lambda: png(0, 0), unreadable("PNG")),
    Picture("JPEG of 0 by 0", lambda: jpeg_of(0, 0), unreadable("JPEG")),
    Picture("GIF of 0 by 0", lambda: gif_of(0, 0), unreadable("GIF")),
    Picture("BMP of 0 by 0", lambda: bmp_of(0, 0), unreadable("BMP")),
    Picture("TIFF of 0 by 0", lambda: tiff_of(0, 0), unreadable("TIFF")),
    Picture("TIFF of 40 by 0", lambda: tiff_of(40, 0), unreadable("TIFF")),
]
