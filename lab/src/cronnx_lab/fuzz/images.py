"""Small image files of every accepted format, mode and compression, and strategies that damage them."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import ExifTags, Image

from cronnx_lab.fuzz.requests import Payload

SIZE = (50, 40)

_ON_ITS_SIDE = Image.Exif()
_ON_ITS_SIDE[ExifTags.Base.Orientation] = 6

_FILES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("JPEG", "RGB", {}),
    ("JPEG", "RGB", {"progressive": True, "exif": _ON_ITS_SIDE}),
    ("JPEG", "RGB", {"restart_marker_blocks": 2}),
    ("JPEG", "L", {}),
    ("JPEG", "CMYK", {}),
    ("PNG", "RGB", {}),
    ("PNG", "RGB", {"transparency": (1, 2, 3)}),
    ("PNG", "RGBA", {"exif": _ON_ITS_SIDE}),
    ("PNG", "P", {"transparency": 3}),
    ("PNG", "L", {"transparency": 9}),
    ("PNG", "LA", {}),
    ("PNG", "I;16", {}),
    ("PNG", "1", {}),
    ("GIF", "P", {}),
    ("GIF", "L", {}),
    ("GIF", "P", {"save_all": True, "append_images": [Image.new("P", SIZE)]}),
    ("BMP", "RGB", {}),
    ("BMP", "P", {}),
    ("BMP", "1", {}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True, "exif": _ON_ITS_SIDE}),
    ("WEBP", "RGB", {"save_all": True, "append_images": [Image.new("RGB", SIZE)]}),
    *(("TIFF", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F")),
    *(("TIFF", "RGB", {"compression": name}) for name in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")),
    ("TIFF", "1", {"compression": "group4"}),
    ("TIFF", "RGB", {"exif": _ON_ITS_SIDE}),
)


@cache
def photo() -> Image.Image:
    """An RGB image with detail at every scale and no symmetry."""
    dice = np.random.default_rng(seed=7)
    layers = [dice.integers(0, 256, (side, side, 3), np.uint8) for side in (3, 12, 40)]
    grown = [Image.fromarray(layer).resize(SIZE, Image.Resampling.BICUBIC) for layer in layers]
    return Image.blend(Image.blend(grown[0], grown[1], 0.4), grown[2], 0.2)


def in_mode(mode: str) -> Image.Image:
    """The same image in one of Pillow's modes."""
    if mode == "I;16":
        return Image.fromarray(np.asarray(photo().convert("L")).astype(np.uint16) * 257)
    return photo().convert(mode)


def encode(image: Image.Image, name: str, **parameters: object) -> bytes:
    """Encode an image in the format of this name."""
    file = BytesIO()
    image.save(file, name, **parameters)
    return file.getvalue()


def png_chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG, with its length and checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def webp_of_one_colour(width: int, height: int) -> bytes:
    """A WebP of 46 bytes or fewer of one colour, however large it is."""
    file = bytearray(encode(Image.new("RGBA", (4, 4), (1, 2, 3, 4)), "WEBP", lossless=True, quality=0, method=0))
    sides = struct.unpack_from("<I", file, 21)[0] >> 28 << 28 | (height - 1) << 14 | width - 1
    file[21:25] = struct.pack("<I", sides)
    return bytes(file)


@cache
def seeds() -> tuple[bytes, ...]:
    """One file for each format, mode and compression."""
    return tuple(encode(in_mode(mode), name, **parameters) for name, mode, parameters in _FILES)


# Most formats keep lengths, offsets and counts here.
_HEADER = 100

# Zero, and numbers that overflow or wrap around, in one, two and four bytes of either byte order.
_ODD_NUMBERS = [
    number.to_bytes(size, order)
    for size, numbers in ((1, (0, 1, 127, 255)), (2, (0, 1, 2**15, 2**16 - 1)), (4, (0, 2**31 - 1, 2**31, 2**32 - 1)))
    for number in numbers
    for order in ("little", "big")
]


@st.composite
def damaged(draw: st.DrawFn, files: st.SearchStrategy[bytes]) -> bytes:
    """Damage a file one to eight times: cut, overwrite, flip a bit, remove or repeat a part."""
    broken = bytearray(draw(files))
    for _ in range(draw(st.integers(1, 8))):
        if broken:
            _damage(draw, broken)
    return bytes(broken)


def _damage(draw: st.DrawFn, broken: bytearray) -> None:
    reach = len(broken) if draw(st.booleans()) else min(_HEADER, len(broken))
    position = draw(st.integers(0, reach - 1))
    match draw(st.sampled_from(("number", "flip", "noise", "cut", "lose", "double"))):
        case "number":
            odd = draw(st.sampled_from(_ODD_NUMBERS))
            broken[position : position + len(odd)] = odd
        case "flip":
            broken[position] ^= 1 << draw(st.integers(0, 7))
        case "noise":
            noise = draw(st.binary(min_size=1, max_size=16))
            broken[position : position + len(noise)] = noise
        case "cut":
            del broken[position:]
        case "lose":
            del broken[position : position + draw(st.integers(1, 64))]
        case "double":
            part = broken[position : position + draw(st.integers(1, 64))]
            broken[position:position] = part


_SOUND_FILES = st.sampled_from(seeds())
_MAGIC = st.sampled_from([seed[:12] for seed in seeds()])
_TEXTS = damaged(
    st.sampled_from([b64encode(seed) for seed in seeds()] + [b"data:image/png;base64," + b64encode(seeds()[5])])
)


def files() -> st.SearchStrategy[bytes]:
    """Bytes to send as an image: mostly damaged files, some noise with or without the start of a format."""
    noise = st.builds(bytes.__add__, _MAGIC, st.binary(max_size=300)) | st.binary(max_size=300)
    return damaged(_SOUND_FILES) | damaged(_SOUND_FILES) | damaged(_SOUND_FILES) | noise


def payloads() -> st.SearchStrategy[Payload]:
    """A file, or a text that should carry one."""
    texts = st.text(max_size=200).map(str.encode) | _TEXTS.filter(_is_text)
    return files().map(Payload) | files().map(Payload) | texts.map(lambda text: Payload(text, is_text=True))


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
