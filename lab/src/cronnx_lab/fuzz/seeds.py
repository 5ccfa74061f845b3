"""Small sound image files of every format, mode and compression that is accepted: what damage starts from."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from PIL import ExifTags, Image

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
    """An RGB picture with detail at every scale and no symmetry."""
    dice = np.random.default_rng(seed=7)
    layers = [dice.integers(0, 256, (side, side, 3), np.uint8) for side in (3, 12, 40)]
    grown = [Image.fromarray(layer).resize(SIZE, Image.Resampling.BICUBIC) for layer in layers]
    return Image.blend(Image.blend(grown[0], grown[1], 0.4), grown[2], 0.2)


def in_mode(mode: str) -> Image.Image:
    """The picture in one of Pillow's modes."""
    if mode == "I;16":
        return Image.fromarray(np.asarray(photo().convert("L")).astype(np.uint16) * 257)
    return photo().convert(mode)


def encode(image: Image.Image, name: str, **parameters: object) -> bytes:
    """An image's file in the format of that name."""
    file = BytesIO()
    image.save(file, name, **parameters)
    return file.getvalue()


@cache
def seeds() -> tuple[bytes, ...]:
    """All files."""
    return tuple(encode(in_mode(mode), name, **parameters) for name, mode, parameters in _FILES)
