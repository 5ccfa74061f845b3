"""Converts Pillow's pixel modes: first to one that can be resized exactly, then to RGB."""

from __future__ import annotations

import numpy as np
from PIL import Image

from cronnx_preprocess.errors import InvalidImageError

_WHITE = (255, 255, 255, 255)


def resizable(image: Image.Image) -> Image.Image:
    """Convert an image to L, RGB or RGBA, in which a weighted sum of pixels is a weighted sum of colours.

    Palettes and CMYK become colours. Grey stays grey, which is a third of the work of RGB. Alpha stays, because `rgb`
    composites a smaller image.

    Raises:
        InvalidImageError: The pixels are floating-point numbers, for which no value is agreed to be white.
    """
    if image.mode == "F":
        raise InvalidImageError("expected integer pixels of 8 or 16 bits, got floating-point ones")
    if image.mode.startswith("I"):
        return _eight_bit(image)
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def rgb(image: Image.Image) -> Image.Image:
    """Convert an image from `resizable` to RGB, with transparent pixels composited over white."""
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion clips at 255 instead."""
    return Image.fromarray((np.asarray(image).clip(0, 0xFFFF) >> 8).astype(np.uint8))
