"""Opens image files with Pillow: checks limits, reports damage, and decodes no more pixels than needed."""

from __future__ import annotations

import re
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

# Pillow's own limit only warns up to twice its value; `open_image` checks `max_pixels` instead.
Image.MAX_IMAGE_PIXELS = None

# Pillow's warnings about damaged files contain numbers from the file. Python keeps each text for good: a memory leak.
warnings.filterwarnings("ignore", module="PIL")

# JPEG's limit. Pillow keeps boxes as 32-bit floats, which are exact to 1/256 of a pixel up to here.
LONGEST_SIDE = 65_535

# Each scan of a JPEG passes over the whole picture, however few bytes it has. Encoders write about ten; a file of
# 200 KB can have 20,000, which keeps a core busy for minutes.
MAX_SCANS = 100

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

_START_OF_SCAN = b"\xda"
_END_OF_IMAGE = b"\xd9"
_SEQUENTIAL_FRAMES = (b"\xc0", b"\xc1")  # if one scan has all channels of such a frame, it is the only scan

# ITU-T T.81, B.1.1.2: 0xFF begins a segment unless zero, a restart marker or padding follows; 0x01 has no length.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)


def open_image(encoded: EncodedImage, *, max_pixels: int) -> ImageFile:
    """Read an image's header. No pixel is decoded.

    Args:
        encoded: The file.
        max_pixels: The largest image accepted.

    Raises:
        InvalidImageError: The file is damaged, its image is too large, or a JPEG has more than MAX_SCANS scans.
    """
    with damage_reported(encoded.format):
        image = Image.open(BytesIO(encoded.file), formats=(encoded.format,))
    width, height = image.size
    if width * height > max_pixels:
        raise InvalidImageError(f"expected at most {max_pixels} pixels, got {width * height} ({width}x{height})")
    if max(width, height) > LONGEST_SIDE:
        raise InvalidImageError(f"expected at most {LONGEST_SIDE} pixels a side, got {width}x{height}")
    if encoded.format == "JPEG" and has_too_many_scans(encoded.file):
        raise InvalidImageError(f"expected a JPEG with at most {MAX_SCANS} scans, got more")
    return image


def has_too_many_scans(file: bytes) -> bool:
    """Whether a JPEG has more than MAX_SCANS scans, not counting pictures in its metadata or after its end."""
    count, position, channels = 0, 2, None
    while (marker := _MARKER.search(file, position)) and marker[1] != _END_OF_IMAGE:
        segment = marker.end()
        if marker[1] in _SEQUENTIAL_FRAMES:
            channels = file[segment + 7 : segment + 8]
        if marker[1] == _START_OF_SCAN:
            if file[segment + 2 : segment + 3] == channels:  # true for most files: their pixels are not searched
                return False
            count += 1
            if count > MAX_SCANS:
                return True
        position = segment + int.from_bytes(file[segment : segment + 2], "big")
    return False


def draft(image: ImageFile, *, size: Size, box: Box, gap: float) -> Box:
    """Let a large JPEG decode to a half, a quarter or an eighth of its width and height.

    Args:
        image: An opened image. Only a JPEG that is not loaded yet changes.
        size: The size that `box` will be resized to.
        box: A part of the image.
        gap: How many times larger than `size` the box must stay.

    Returns:
        The box, in the pixels that the image has now.
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
    """Turn the exceptions of Pillow on a damaged file into InvalidImageError; `name` is the file's format."""
    try:
        yield
    except DAMAGE as error:
        state = "truncated" if "truncated" in str(error).lower() else "damaged"
        raise InvalidImageError(f"{state} {name} image: its pixels cannot be read") from error
