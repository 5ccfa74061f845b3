"""EXIF orientation: turns a stored image upright, and maps sizes and boxes between the two."""

from __future__ import annotations

from PIL import Image

from cronnx_preprocess.formats.header import UPRIGHT
from cronnx_preprocess.geometry import Box, Size

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS_AXES = {5, 6, 7, 8}
_MIRRORS_X = {2, 3, 7, 8}
_MIRRORS_Y = {3, 4, 6, 7}


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn a stored image upright."""
    return image if orientation == UPRIGHT else image.transpose(_TURNS[orientation])


def turn_size(size: Size, orientation: int) -> Size:
    """Convert a stored size to the upright one, or the other way round."""
    return size[::-1] if orientation in _SWAPS_AXES else size


def stored_box(box: Box, orientation: int, *, stored: Size) -> Box:
    """Convert a box of the upright image to one of the stored image, whose size is `stored`."""
    left, top, right, bottom = box
    if orientation in _SWAPS_AXES:
        left, top, right, bottom = top, left, bottom, right
    if orientation in _MIRRORS_X:
        left, right = stored[0] - right, stored[0] - left
    if orientation in _MIRRORS_Y:
        top, bottom = stored[1] - bottom, stored[1] - top
    return left, top, right, bottom
