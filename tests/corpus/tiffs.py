"""TIFFs written tag by tag: sound ones of kinds that encoders of libraries do not write, and hurtful ones."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cronnx_lab.fuzz.images import photo
from tests.corpus.pictures import Picture

_SHORT, _LONG = 3, 4
_CODES = {_SHORT: "H", _LONG: "I"}


def tiff(
    tags: dict[int, Sequence[int]], pixels: bytes, *, offsets: Sequence[int] = (0,), longs: frozenset[int] = frozenset()
) -> bytes:
    """Return a little-endian TIFF of one directory, with its pixels at byte 8.

    Args:
        tags: The values of each tag, SHORTs unless they are in `longs`.
        pixels: What follows the header.
        offsets: Where the strips or tiles begin in `pixels`.
        longs: The tags with LONGs.
    """
    tags = tags | {273 if 273 in tags or 322 not in tags else 324: [8 + offset for offset in offsets]}
    end = 8 + len(pixels) + len(pixels) % 2
    entries, values = b"", b""
    after = end + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        kind = _LONG if tag in longs | {273, 279, 324, 325} else _SHORT
        packed = struct.pack(f"<{len(tags[tag])}{_CODES[kind]}", *tags[tag])
        if len(packed) > 4:
            packed, values = struct.pack("<I", after + len(values)), values + packed + bytes(len(packed) % 2)
        entries += struct.pack("<HHI", tag, kind, len(tags[tag])) + packed.ljust(4, b"\0")
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", end) + pixels.ljust(end - 8, b"\0") + directory + values


def of_kind(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.integer]], photometric: int, **more: Sequence[int]
) -> bytes:
    """Return a TIFF of these pixels, [height, width] or [height, width, channels], little-endian."""
    height, width, *channels = pixels.shape
    count = channels[0] if channels else 1
    tags: dict[int, Sequence[int]] = {
        256: [width],
        257: [height],
        258: [8 * pixels.itemsize] * count,
        259: [1],
        262: [photometric],
        277: [count],
        278: [height],
        279: [pixels.nbytes],
    }
    names = {"extra_samples": 338, "colour_map": 320}
    return tiff(tags | {names[name]: values for name, values in more.items()}, pixels.tobytes())


def _rgb() -> npt.NDArray[np.uint8]:
    return np.asarray(photo())


def _grey() -> npt.NDArray[np.uint8]:
    return np.asarray(photo().convert("L"))


def _cmyk_and_alpha() -> bytes:
    cmyk = np.asarray(photo().convert("CMYK"))
    return of_kind(np.dstack([cmyk, np.full_like(cmyk[..., 0], 255)]), 5, extra_samples=[1])


def twelve_bits() -> bytes:
    """Return a grey TIFF of 12 bits in 16."""
    return of_kind(_grey().astype("<u2") * 16, 1)


def sixteen_bits() -> bytes:
    """Return a grey TIFF of 16 bits, with the same picture as `twelve_bits`."""
    return of_kind(_grey().astype("<u2") * 256, 1)


def indexed(highest: int) -> bytes:
    """Return a TIFF with a colour map of 0 to 255 or to 65535."""
    picture = photo().quantize(256)
    palette = np.asarray((picture.getpalette() or []) + [0] * 768)[:768].reshape(256, 3)
    return of_kind(np.asarray(picture), 3, colour_map=[int(value) for value in (palette.T * (highest // 255)).ravel()])


def tiles_of_a_pixel(side: int) -> bytes:
    """Return a TIFF whose tiles, all of them the same, have one pixel each."""
    tags: dict[int, Sequence[int]] = {256: [side], 257: [side], 258: [8], 259: [1], 262: [1], 277: [1]}
    tags |= {322: [1], 323: [1], 325: [1] * side**2}
    return tiff(tags, bytes(side**2), offsets=range(side**2))


def strips_that_overlap(height: int) -> bytes:
    """Return a TIFF whose strips are all the same bytes."""
    tags: dict[int, Sequence[int]] = {256: [1000], 257: [height], 258: [8], 259: [1], 262: [1], 277: [1], 278: [1]}
    return tiff(tags | {279: [1000] * height}, bytes(1000), offsets=[0] * height)


def _not_supported(kind: str) -> str:
    return rf"a TIFF {kind} is not supported; save it as JPEG or PNG with 8 bits a channel"


TIFFS = [
    Picture("TIFF of CMYK and alpha", _cmyk_and_alpha, _not_supported(r"of 5 channels of 8 bits \(CMYK\)")),
    Picture(
        "TIFF of grey and alpha of 16 bits",
        lambda: of_kind(np.dstack([_grey().astype("<u2") * 257] * 2), 1, extra_samples=[2]),
        _not_supported(r"of 2 channels of 16 bits \(grey\)"),
    ),
    Picture(
        "TIFF of three bands of 16 bits",
        lambda: of_kind(_rgb().astype("<u2") * 257, 1),
        _not_supported(r"of 3 channels of 16 bits \(grey\)"),
    ),
    Picture(
        "TIFF of 16 bits, white is zero",
        lambda: of_kind(_grey().astype("<u2") * 257, 0),
        _not_supported(r"of 1 channel of 16 bits \(WhiteIsZero\)"),
    ),
    Picture("TIFF of 12 bits in 16", twelve_bits),
    Picture("TIFF with a colour map of 0 to 255", lambda: indexed(255)),
    Picture(
        "TIFF of 10,201 tiles of a pixel",
        lambda: tiles_of_a_pixel(101),
        "expected a TIFF with at most 10000 strips or tiles, got more; save it again with another program",
    ),
    Picture(
        "TIFF whose strips overlap",
        lambda: strips_that_overlap(2000),
        "damaged TIFF image: its pixels cannot be read",
    ),
]
