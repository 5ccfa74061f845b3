"""Computes which part of an image goes where in the output.

Sizes are (width, height) and boxes (left, top, right, bottom), all in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Size = tuple[int, int]
Box = tuple[float, float, float, float]


class Resize(Enum):
    """How an image is fitted to an output of another aspect ratio."""

    SHORTEST_EDGE = "shortest_edge"
    """Cover the output, keep the aspect ratio, and crop the rest around the centre."""
    EXACT = "exact"
    """Stretch to the output; the aspect ratio changes."""
    LETTERBOX = "letterbox"
    """Fit inside the output, keep the aspect ratio, and pad both sides with grey (114)."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The part of an image to draw, and where to draw it.

    Attributes:
        box: The part of the image.
        size: The size of the part in the output.
        offset: The (left, top) of the part in the output.
    """

    box: Box
    size: Size
    offset: tuple[int, int] = (0, 0)


def fit(image: Size, output: Size, *, resize: Resize, crop: float) -> Fit:
    """Fit an image of one size to an output of another.

    Args:
        image: The size of the upright image.
        output: The size of the output.
        resize: How to fit it.
        crop: With SHORTEST_EDGE, the fraction of the resized shorter side that the output keeps.
    """
    if resize is Resize.SHORTEST_EDGE:
        return _cover(image, output, crop)
    if resize is Resize.LETTERBOX:
        return _contain(image, output)
    return Fit(box=(0, 0, *image), size=output)


def _cover(image: Size, output: Size, crop: float) -> Fit:
    """One box that gives the same pixels as a resize to whole pixels and a centre crop."""
    (width, height), (out_width, out_height) = image, output
    scale = max(out_width / width, out_height / height) / crop
    resized_width, resized_height = round(width * scale), round(height * scale)
    left, top = (resized_width - out_width) // 2, (resized_height - out_height) // 2
    box = (
        left * width / resized_width,
        top * height / resized_height,
        (left + out_width) * width / resized_width,
        (top + out_height) * height / resized_height,
    )
    return Fit(box=box, size=output)


def _contain(image: Size, output: Size) -> Fit:
    scale = min(output[0] / image[0], output[1] / image[1])
    width, height = (max(1, round(side * scale)) for side in image)
    offset = (output[0] - width) // 2, (output[1] - height) // 2
    return Fit(box=(0, 0, *image), size=(width, height), offset=offset)
