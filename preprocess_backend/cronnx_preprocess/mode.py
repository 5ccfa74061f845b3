"""Pillow's pixel modes: any of them to one that resizes exactly, and from there to RGB."""

from __future__ import annotations

import numpy as np
from PIL import Image

from cronnx_preprocess.errors import InvalidImageError

_WHITE = (255, 255, 255, 255)


def resizable(image: Image.Image) -> Image.Image:
    """The image in L, RGB or RGBA, whose resize is a weighted sum of what is seen.

    Palettes and CMYK have to become colours before their neighbours can be mixed; grey is left grey, a third
    of the work of RGB, and alpha is left to `rgb`, which composites a smaller image.

    Raises:
        InvalidImageError: Its pixels are floating-point numbers, which have no agreed white.
    """
    if image.mode == "F":
        raise InvalidImageError("pixels are floating-point numbers, expected integers of 8 or 16 bits")
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
    """An image from `resizable` as RGB, composited over white where it is transparent."""
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit grey as 8-bit: Pillow's own conversion clips at 255 instead of scaling."""
    return Image.fromarray((np.asarray(image).clip(0, 0xFFFF) >> 8).astype(np.uint8))
