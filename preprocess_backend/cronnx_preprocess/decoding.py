"""Image files to Pillow images: limits, damage, and decoding no more pixels than are needed."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image
from PIL.ImageFile import ImageFile

from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.geometry import Box, Size
from cronnx_preprocess.payload import EncodedImage
from cronnx_preprocess.scans import MOST_SCANS, has_too_many_scans

# Pillow's own limit warns, and fails only at twice its value; `open_image` checks `max_pixels` instead.
Image.MAX_IMAGE_PIXELS = None

# Of what it skips in damaged files, with numbers of theirs: Python would remember every text, for as long as it runs.
warnings.filterwarnings("ignore", module="PIL")

# JPEG's limit. Pillow keeps boxes in 32-bit floats, exact to 1/256 of a pixel up to here.
LONGEST_SIDE = 65_535

# What Pillow raises on damaged files.
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def open_image(encoded: EncodedImage, *, max_pixels: int) -> ImageFile:
    """Read an image's header; no pixel is decoded yet.

    Raises:
        InvalidImageError: The file is damaged, or has more than `max_pixels`, or more scans than a picture needs.
    """
    with damage_reported(encoded.format):
        image = Image.open(BytesIO(encoded.file), formats=(encoded.format,))
    width, height = image.size
    if width * height > max_pixels:
        raise InvalidImageError(f"{width * height} pixels ({width}x{height}), at most {max_pixels} are accepted")
    if max(width, height) > LONGEST_SIDE:
        raise InvalidImageError(f"{width}x{height} pixels, at most {LONGEST_SIDE} on a side are accepted")
    if encoded.format == "JPEG" and has_too_many_scans(encoded.file):
        raise InvalidImageError(f"more than {MOST_SCANS} scans, which no picture needs")
    return image


def draft(image: ImageFile, *, size: Size, box: Box, gap: float) -> Box:
    """Let a large JPEG decode to fewer pixels: a half, quarter or eighth of its sides.

    Args:
        image: An opened image; only a JPEG not yet loaded is changed.
        size: The size that `box` will be resized to.
        box: A part of the image.
        gap: How many times larger than `size` the box has to stay.

    Returns:
        The box in the pixels that the image now has.
    """
    scale_x, scale_y = (box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1]
    width, height = image.size
    wanted = round(width / scale_x * gap), round(height / scale_y * gap)
    drafted = image.draft(None, wanted)
    if drafted is None:
        return box
    factor = width / drafted[1][2]
    return box[0] / factor, box[1] / factor, box[2] / factor, box[3] / factor


@contextmanager
def damage_reported(name: str) -> Iterator[None]:
    """Turn what Pillow raises on a damaged file into InvalidImageError; `name` is the file's format."""
    try:
        yield
    except DAMAGE as error:
        state = "truncated" if "truncated" in str(error).lower() else "damaged"
        raise InvalidImageError(f"{state} {name} image: its pixels cannot be read") from error
