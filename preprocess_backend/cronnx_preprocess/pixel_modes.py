"""Converts Pillow's pixel modes: first to one that can be resized exactly, then to RGB."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from cronnx_preprocess.errors import InvalidImageError

_WHITE = (255, 255, 255, 255)
_BAND_HEIGHT = 64


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
    if image.mode == "RGBA":
        return image
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


def rgb_array(image: Image.Image) -> npt.NDArray[np.uint8]:
    """The pixels of `rgb`, [height, width, 3], of a large image without copies of it."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top, band in _bands(image):
        pixels[top : top + band.height] = rgb(band)
    return pixels


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Cut an image into bands, each with its top. NumPy copies a whole one twice before it has an array."""
    for top in range(0, image.height, _BAND_HEIGHT):
        yield top, image.crop((0, top, image.width, min(top + _BAND_HEIGHT, image.height)))


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale grey of 10, 12, 14 or 16 bits to 8; Pillow's own conversion clips at 255 instead.

    Cameras and scanners store 12 bits in 16, and no tag says so. The brightest pixel does: no picture for people leaves
    three quarters of the range empty.
    """
    highest = max(int(np.asarray(band).max()) for _, band in _bands(image))
    bits = min(max(highest.bit_length() + highest.bit_length() % 2, 8), 16)
    pixels = np.empty((image.height, image.width), np.uint8)
    for top, band in _bands(image):
        pixels[top : top + band.height] = np.asarray(band).clip(0, 0xFFFF) >> bits - 8
    return Image.fromarray(pixels)
