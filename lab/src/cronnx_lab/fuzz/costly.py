"""Image files made to cost time or memory: large, of many parts, and sound or nearly so.

They are put together from parts that are encoded once, because a large picture takes as long to encode as to decode.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image, ImageFile

from cronnx_lab.fuzz.images import damaged, encode, png_chunk, seeds, webp_of_one_colour

# Pillow encodes a progressive JPEG into one buffer, and noise does not fit into the usual one.
ImageFile.MAXBLOCK = 2**24

# The default of `max_bytes`: a longer file is not looked at.
LARGEST_FILE = 20 * 2**20


@dataclass(frozen=True)
class Costly:
    """A file that may cost much to decode.

    Attributes:
        made_as: How it was made.
        file: Its bytes.
    """

    made_as: str
    file: bytes = field(repr=False)

    def __repr__(self) -> str:
        return f"{self.made_as}, {len(self.file)} bytes"


Maker = Callable[[st.DrawFn], bytes]

# Pixels of any number up to what `max_pixels` lets through, most of them near the limits of the formats.
_PIXELS = st.sampled_from((10**5, 4 * 10**6, 10**7, 14 * 10**6, 16 * 10**6, 18 * 10**6)) | st.integers(1, 25 * 10**6)
_MOST_PIXELS = st.sampled_from((32 * 10**6, 35 * 10**6, 64 * 10**6))
_ASPECTS = st.sampled_from((1.0, 1.0, 1.5, 0.7, 10.0, 0.1, 1000.0, 0.001))


def _size(draw: st.DrawFn) -> tuple[int, int]:
    pixels, aspect = draw(_PIXELS | _PIXELS | _PIXELS | _MOST_PIXELS), draw(_ASPECTS)
    width = min(max(1, round((pixels * aspect) ** 0.5)), 65_535)
    return width, min(max(1, pixels // width), 65_535)


@cache
def _noise(byte_count: int) -> bytes:
    return np.random.default_rng(seed=1).bytes(byte_count)


def _rows(draw: st.DrawFn, row_bytes: int, height: int, *, filtered: bool = False) -> bytes:
    """Rows of pixels, compressed by zlib; if `filtered`, each begins with a PNG filter.

    Some rows repeat so far apart that zlib hardly finds it: their decoding is as slow as noise's, at every size.
    """
    period, level = draw(st.sampled_from(((0, 1), (0, 9), (1, 1), (7, 1), (40, 1))))
    strategy = draw(st.sampled_from((zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE)))
    first = bytes((draw(st.integers(0, 4)),)) if filtered else b""
    block = b"".join(first + _noise(row_bytes * period)[index * row_bytes :][:row_bytes] for index in range(period))
    flat = first + bytes(row_bytes)
    compressor = zlib.compressobj(level, strategy=strategy)
    parts, left, size = [], height, 0
    while left > 0 and size < LARGEST_FILE:
        rows, count = (block, period) if 0 < period <= left else (flat * min(left, 64), min(left, 64))
        parts.append(compressor.compress(rows))
        left, size = left - count, size + len(parts[-1])
    return b"".join((*parts, compressor.flush()))


def png(draw: st.DrawFn) -> bytes:
    """A PNG of any kind of pixels, in one or many parts."""
    width, height = _size(draw)
    colour, bits = draw(
        st.sampled_from(((0, 1), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 8), (4, 8), (4, 16), (6, 8), (6, 16)))
    )
    row_bytes = (width * bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] + 7) // 8
    interlaced = draw(st.sampled_from((0, 0, 0, 1)))
    pixels = _rows(draw, row_bytes, height, filtered=True)
    part = draw(st.sampled_from((len(pixels), 8192, max(1, len(pixels) // 9000))))
    more = png_chunk(b"PLTE", _noise(768)) if colour == 3 else b""
    if draw(st.booleans()):
        more += png_chunk(b"tRNS", _noise({0: 2, 2: 6, 3: 256}.get(colour, 1)))
    idat = b"".join(png_chunk(b"IDAT", pixels[at : at + part]) for at in range(0, len(pixels), max(1, part)))
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced))
    return b"\x89PNG\r\n\x1a\n" + header + more + _many(draw, _PNG_PARTS) + idat + png_chunk(b"IEND", b"")


_NOISY, _FLAT = True, False
_TIFFS = [
    ("RGB", "tiff_lzw", 4e6, _NOISY),
    ("RGB", "tiff_lzw", 25e6, _FLAT),
    ("RGB", "tiff_adobe_deflate", 6e6, _NOISY),
    ("RGB", "tiff_adobe_deflate", 25e6, _FLAT),
    ("RGB", "packbits", 6e6, _NOISY),
    ("RGB", "packbits", 25e6, _FLAT),
    ("RGB", "jpeg", 12e6, _NOISY),
    ("RGB", "jpeg", 25e6, _FLAT),
    ("1", "group4", 20e6, _NOISY),
    ("1", "group4", 35e6, _FLAT),
    ("I;16", "tiff_lzw", 6e6, _NOISY),
]


def _byte_count(image: Image.Image) -> int:
    bits = {"1": 1, "I;16": 16}.get(image.mode, 24)
    return (image.width * bits + 7) // 8 * image.height


@cache
def _encoded_tiff(mode: str, compression: str, pixels: float, noisy: bool) -> bytes:
    side = int(pixels**0.5)
    image = Image.new(mode, (side, side))
    if noisy:
        image = Image.frombytes(mode, (side, side), (_noise(2**22) * 20)[: _byte_count(image)])
    return encode(image, "TIFF", compression=compression)


def compressed_tiff(draw: st.DrawFn) -> bytes:
    """A sound TIFF of noise or of one colour, in each of libtiff's compressions."""
    return _encoded_tiff(*draw(st.sampled_from(_TIFFS)))


def tiff(draw: st.DrawFn) -> bytes:
    """A TIFF of any kind of pixels, in strips or tiles of any number."""
    width, height = _size(draw)
    order, photometric, bits, samples = draw(
        st.sampled_from(
            (
                ("<", 1, 1, 1),
                ("<", 1, 8, 1),
                ("<", 1, 16, 1),
                ("<", 1, 32, 1),
                ("<", 3, 8, 1),
                ("<", 2, 8, 3),
                ("<", 2, 8, 4),
                ("<", 2, 16, 3),
                ("<", 2, 16, 4),
                (">", 5, 8, 4),
                (">", 5, 16, 4),
                (">", 6, 8, 3),
                (">", 8, 8, 3),
                ("<", 2, 8, 6),
            )
        )
    )
    compression = draw(st.sampled_from((1, 1, 5, 7, 8, 8, 4, 32773, 34925, 50000)))
    planes = draw(st.sampled_from((1, 1, 2)))
    rows = draw(st.sampled_from((height, height, 16, 1)))
    count = -(-height // rows) * (samples if planes == 2 else 1)
    row_bytes = (width * bits * (samples if planes == 1 else 1) + 7) // 8
    data = (
        _rows(draw, row_bytes, rows)
        if compression == 8
        else _noise(min(row_bytes * rows, 2**16)) * draw(st.integers(1, 200))
    )
    if compression == 1:
        data = (data * (row_bytes * rows // len(data) + 1))[: min(row_bytes * rows, LARGEST_FILE)]
    data = data[: max(1, LARGEST_FILE // min(count, 20_000))]
    shared = draw(st.booleans())
    count = min(count, 20_000)
    offsets = [8 + (0 if shared else index * len(data)) for index in range(count)]
    tags: dict[int, Sequence[int]] = {
        256: [width], 257: [height], 258: [bits] * samples, 259: [compression], 262: [photometric], 277: [samples],
        284: [planes], 273: offsets, 278: [rows], 279: [len(data)] * count, 317: [draw(st.sampled_from((1, 2)))],
    }  # fmt: skip
    if draw(st.sampled_from((False, False, True))):
        tile = draw(st.sampled_from((1, 16, 256, 4096, 65_520)))
        tags |= {322: [tile], 323: [tile], 324: tags.pop(273), 325: tags.pop(279)}
    if photometric == 3:
        tags[320] = [257 * (index % 256) for index in range(768)]
    if draw(st.booleans()):
        tags |= {
            tag: range(draw(st.sampled_from((1, 1000, 200_000))))
            for tag in (258, 338, 700, 34_665)[: draw(st.integers(1, 4))]
        }
    return _directory(order, tags, data if shared else data * count)


def _directory(order: str, tags: dict[int, Sequence[int]], data: bytes) -> bytes:
    at = 8 + len(data) + len(data) % 2
    entries, values = b"", b""
    after = at + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        packed = struct.pack(f"{order}{len(tags[tag])}I", *tags[tag])
        if len(packed) > 4:
            packed, values = struct.pack(order + "I", after + len(values)), values + packed
        entries += struct.pack(order + "HHI", tag, 4, len(tags[tag])) + packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    return head + data.ljust(at - 8, b"\0") + struct.pack(order + "H", len(tags)) + entries + bytes(4) + values


_STRIP = 16
_WIDEST_STRIP = 65_488  # libjpeg writes up to 65,500 pixels


@cache
def _jpeg_strip(width: int, mode: str, flat: bool, quality: int, subsampling: int, progressive: bool) -> bytes:
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.frombuffer(bytes(width * _STRIP * channels) if flat else _noise(width * _STRIP * channels), np.uint8)
    shape = (_STRIP, width, channels) if channels > 1 else (_STRIP, width)
    image = Image.fromarray(pixels.reshape(shape), mode)
    return encode(image, "JPEG", quality=quality, subsampling=subsampling, progressive=progressive)


def jpeg(draw: st.DrawFn) -> bytes:
    """A JPEG of a strip repeated between restart markers, in up to 120 scans."""
    width, height = _size(draw)
    width = min(draw(st.sampled_from((width - width % 16 or 16, 4096, 8192))), _WIDEST_STRIP)
    mode = draw(st.sampled_from(("RGB", "RGB", "L", "CMYK")))
    progressive = draw(st.booleans())
    strip = _jpeg_strip(
        width,
        mode,
        draw(st.booleans()),
        draw(st.sampled_from((1, 75, 90, 100))),
        draw(st.sampled_from((0, 1, 2))) if mode == "RGB" else 0,
        progressive,
    )
    frame = strip.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    count = max(1, min(height // _STRIP, 65_535 // _STRIP, 2 * LARGEST_FILE // len(strip)))
    start = strip.index(b"\xff\xda")
    head = strip[: frame + 5] + struct.pack(">H", count * _STRIP) + strip[frame + 7 : start]
    scans = [match.start() for match in re.finditer(rb"\xff\xda", strip)] + [len(strip) - 2]
    parts = [
        _repeated(strip[begin:end], frame=strip[frame:], width=width, count=count) for begin, end in pairwise(scans)
    ]
    parts += parts[-1:] * draw(st.sampled_from((0, 0, 5, 60, 110)) if progressive else st.just(0))
    before, behind = _many(draw, _JPEG_PARTS), _many(draw, _JPEG_PARTS)
    return head[:2] + before + head[2:] + b"".join(parts) + behind + b"\xff\xd9"


def _repeated(scan: bytes, *, frame: bytes, width: int, count: int) -> bytes:
    """A scan of a strip, `count` times; tables for the next scan stay behind the last."""
    length = 2 + int.from_bytes(scan[2:4], "big")
    tables = re.search(rb"\xff[\xc4\xdb]", scan[length:])
    end = length + tables.start() if tables else len(scan)
    header, pixels = scan[:length], scan[length:end]
    interval = _blocks(header, frame, width)
    repeated = b"".join(pixels + bytes((0xFF, 0xD0 + index % 8)) for index in range(count))[:-2]
    return b"\xff\xdd\0\x04" + struct.pack(">H", interval) + header + repeated + scan[end:]


def _blocks(header: bytes, frame: bytes, width: int) -> int:
    """The number of units of a strip in a scan: whole MCUs of several channels, or blocks of one."""
    factors = {frame[at]: (frame[at + 1] >> 4, frame[at + 1] & 15) for at in range(10, 10 + 3 * frame[9], 3)}
    largest = max(across for across, _ in factors.values()), max(down for _, down in factors.values())
    if header[4] > 1 or (len(factors) == 1 and largest == (1, 1)):
        return -(-width // (8 * largest[0])) * (_STRIP // (8 * largest[1]))
    across, down = factors[header[5]]
    return -(-(width * across // largest[0]) // 8) * (_STRIP * down // largest[1] // 8)


def webp(draw: st.DrawFn) -> bytes:
    """A WebP of one colour, however large, or one of noise."""
    if draw(st.booleans()):
        return _noisy_webp(draw(st.sampled_from((1000, 1900))), draw(st.booleans()))
    width, height = (min(side, 2**14) for side in _size(draw))
    return webp_of_one_colour(width, height) + _many(
        draw, [b"ANMF" + struct.pack("<I", 24) + bytes(24), b"EXIF\x02\0\0\0II", b"noop\0\0\0\0"]
    )


@cache
def _noisy_webp(side: int, lossless: bool) -> bytes:
    pixels = np.frombuffer(_noise(side * side * 3), np.uint8).reshape(side, side, 3)
    return encode(Image.fromarray(pixels), "WEBP", lossless=lossless, quality=100 * (not lossless), method=0)


def gif(draw: st.DrawFn) -> bytes:
    """A GIF of codes that each clear the table or stand for a pixel, of any size and any disposal."""
    width, height = _size(draw)
    flags = draw(st.sampled_from((0, 0x80)))
    table = _noise(6) if flags else b""
    control = b"!\xf9\x04" + bytes((draw(st.integers(0, 31)), 0, 0, 0, 0)) if draw(st.booleans()) else b""
    data = draw(st.sampled_from((_noise(2**16), bytes(2**16), b"\x84\x8f" * 2**15)))
    blocks = b"".join(b"\xff" + data[at : at + 255] for at in range(0, len(data) - 255, 255)) * draw(
        st.sampled_from((1, 20, 280))
    )
    screen = draw(st.sampled_from(((width, height), (1, 1))))
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, flags, 0, 0) + table
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, draw(st.sampled_from((0, 0x40)))) + b"\x02"
    return (
        head
        + _many(draw, [b"!\xfe\x01a\0", b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0", b"x"])
        + control
        + frame
        + blocks
        + b"\0;"
    )


def bmp(draw: st.DrawFn) -> bytes:
    """A BMP of any depth and compression."""
    width, height = _size(draw)
    bits, compression = draw(
        st.sampled_from(((1, 0), (4, 0), (8, 0), (16, 0), (24, 0), (32, 0), (8, 1), (4, 2), (32, 3)))
    )
    palette = _noise(4 << bits) if bits <= 8 else b""
    size = min((width * bits + 31) // 32 * 4 * height, LARGEST_FILE)
    head = b"BM" + struct.pack("<IHHI", 54 + size, 0, 0, 54 + len(palette))
    return (
        head
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, size, 0, 0, 0, 0)
        + palette
        + bytes(size)
    )


def broken(draw: st.DrawFn) -> bytes:
    """A small file with damage, which may make it claim any size."""
    return draw(damaged(st.sampled_from(seeds())))


def _jpeg_segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", 2 + len(body)) + body


_DIRECTORY = (
    b"II*\0\x08\0\0\0"
    + struct.pack("<H", 5000)
    + b"".join(struct.pack("<HHII", index, 1, 60_000, 8) for index in range(5000))
)
_JPEG_PARTS = [
    b"\xff\xfe\0\x02",
    b"\xff\x00\xff",
    b"\xff" * 16,
    _jpeg_segment(0xE1, b"Exif\0\0" + bytes(10)),
    _jpeg_segment(0xE1, b"Exif\0\0" + _DIRECTORY[:65_000]),
    _jpeg_segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(60_000)),
    _jpeg_segment(0xE2, b"MPF\0" + _DIRECTORY[:65_000]),
    _jpeg_segment(0xED, b"Photoshop 3.0\0" + b"8BIM\0\1\0\0\0\0\0\0" * 5000),
    _jpeg_segment(0xDB, (b"\0" + b"\1" * 64) * 900),
]
_PNG_PARTS = [
    png_chunk(b"prIv", b""),
    png_chunk(b"tEXt", b"a\0b"),
    png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**7))),
    png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(10**7))),
    png_chunk(b"eXIf", _DIRECTORY),
    png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n1\n" + b"00" * 10**6)),
]  # fmt: skip


def _many(draw: st.DrawFn, parts: Sequence[bytes]) -> bytes:
    """Nothing, one or very many copies of one of these parts."""
    part = draw(st.sampled_from(parts))
    return part * min(draw(st.sampled_from((0, 0, 0, 0, 0, 1, 900, 10**6))), LARGEST_FILE // 2 // len(part))


MAKERS: dict[str, Maker] = {
    "JPEG": jpeg,
    "PNG": png,
    "TIFF": tiff,
    "compressed TIFF": compressed_tiff,
    "WebP": webp,
    "GIF": gif,
    "BMP": bmp,
    "damaged": broken,
}


@st.composite
def costly(draw: st.DrawFn) -> Costly:
    """A file that may cost much to decode."""
    name = draw(st.sampled_from(sorted(MAKERS)))
    drawn: list[Any] = []

    def remembered(strategy: st.SearchStrategy[Any]) -> Any:  # noqa: ANN401 - as `draw` itself
        value = draw(strategy)
        if not isinstance(value, bytes):
            drawn.append(value)
        return value

    file = MAKERS[name](remembered)  # type: ignore[arg-type]
    if draw(st.sampled_from((False, False, False, True))):
        file = draw(damaged(st.just(file)))
        drawn.append("damaged")
    return Costly(f"{name} of {drawn}", file[:LARGEST_FILE])
