"""Decodes image files with Pillow: opens them, reports damage, and decodes no more pixels than needed."""

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
from cronnx_preprocess.formats.header import Header, damaged, truncated, unsupported
from cronnx_preprocess.geometry import Size

# Pillow's own limit only warns up to twice its value; `check_limits` comes first.
Image.MAX_IMAGE_PIXELS = None

# Pillow's warnings about damaged files contain numbers from the file. Python keeps each text for good: a memory leak.
warnings.filterwarnings("ignore", module="PIL")

# JPEG's limit. Pillow keeps boxes as 32-bit floats, which are exact to 1/256 of a pixel up to here.
LONGEST_SIDE = 65_535

MAX_COST_BYTES = 256_000_000
"""The most that one image may cost to decode: less than 300 MB and a second of a core, whatever its format."""

# The exceptions that Pillow raises on damaged files.
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


def check_limits(header: Header, *, max_pixels: int, scale: int = 1) -> None:
    """Check that an image is not too large to decode.

    Args:
        header: Its header.
        max_pixels: The largest image accepted.
        scale: It is decoded at 1/`scale` of its width and height.

    Raises:
        InvalidImageError: It is too large.
    """
    width, height = header.size
    if max(width, height) > LONGEST_SIDE and width * height <= max_pixels:
        raise InvalidImageError(f"expected at most {LONGEST_SIDE} pixels a side, got {width}x{height}")
    most = min(max_pixels, int(MAX_COST_BYTES / header.cost_of_a_pixel(scale)))
    if width * height > most:
        of_kind = "" if most == max_pixels else f" in a {header.format} of this kind"
        raise InvalidImageError(
            f"expected at most {most} pixels{of_kind}, got {width * height} ({width}x{height}); make it smaller"
        )


def decode(header: Header, *, scale: int = 1) -> ImageFile:
    """Decode an image.

    Args:
        header: Its header.
        scale: 1, or what `draft_scale` returned for it.

    Raises:
        InvalidImageError: The file is damaged, or Pillow does not support it.
    """
    try:
        image = Image.open(BytesIO(header.file), formats=(header.format,))
    except DAMAGE as error:
        raise (unsupported(header.kind) if header.kind else damaged(header.format)) from error
    with damage_reported(header.format):
        if image.size != header.size:
            raise ValueError(image.size)
        if scale > 1:
            image.draft(None, (image.width // scale, image.height // scale))
        # Pillow reads parts, and puts each together with what its decoder left: of fill bytes, libjpeg leaves all.
        image.decodermaxblock = len(header.file)
        image.load()
    return image


def draft_scale(header: Header, wanted: Size) -> int:
    """How many times smaller, 1, 2, 4 or 8, an image can be decoded so that it is not smaller than `wanted`."""
    if not header.can_shrink:
        return 1
    most = min(header.size[0] // max(1, wanted[0]), header.size[1] // max(1, wanted[1]))
    return next((scale for scale in (8, 4, 2) if scale <= most), 1)


@contextmanager
def damage_reported(name: str) -> Iterator[None]:
    """Turn the exceptions of Pillow on a damaged file into InvalidImageError; `name` is the file's format."""
    try:
        yield
    except DAMAGE as error:
        raise (truncated(name) if "truncated" in str(error).lower() else damaged(name)) from error
