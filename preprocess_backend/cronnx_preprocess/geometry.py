"""Computes which part of an image goes where on the canvas of the output.

An image is resized as a whole, and then placed: cropped where it is larger than the canvas, padded where it is smaller.
Sizes are (width, height) and boxes (left, top, right, bottom), all in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from cronnx_preprocess.errors import InvalidImageError

Size = tuple[int, int]
Box = tuple[float, float, float, float]

LARGEST_CANVAS = 2**22
"""The most pixels of a canvas that follows the image: four times those of DETR's 1333 x 800."""


class Resize(Enum):
    """The size that an image is resized to."""

    EXACT = "exact"
    """Exactly the size; the aspect ratio changes."""
    SHORTEST_EDGE = "shortest_edge"
    """The shorter side has the size; the longer one is cut to whole pixels, as torchvision and Transformers do."""
    LETTERBOX = "letterbox"
    """The largest that fits inside the size."""
    NEAREST_SCALE = "nearest_scale"
    """Fits that side of the size which changes the image less, as `DPTImageProcessor` with `keep_aspect_ratio` does."""


class Position(Enum):
    """Where an image lies on a canvas of another size."""

    CENTRE = "centre"
    TOP_LEFT = "top_left"


class Rounding(Enum):
    """How halves of a pixel are rounded: of a crop's offset, and with LETTERBOX of the resized sides."""

    FLOOR = "floor"
    """Down, as Transformers cuts out the centre."""
    ROUND = "round"
    """To the nearest even number, as torchvision and timm cut out the centre and Ultralytics resizes."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How an image is fitted to the canvas.

    Attributes:
        canvas: The size of the canvas; None if it follows the image.
        resize: How the size is found that the image is resized to.
        resize_size: The size that `resize` aims at; None is that of the canvas.
        longest_edge: With SHORTEST_EDGE, the most that the longer side may have; None is no limit.
        multiple: Both sides of a canvas that follows the image are multiples of it.
        position: Where the image lies on the canvas.
        rounding: How halves of a pixel are rounded.
    """

    canvas: Size | None
    resize: Resize = Resize.SHORTEST_EDGE
    resize_size: Size | None = None
    longest_edge: int | None = None
    multiple: int = 1
    position: Position = Position.CENTRE
    rounding: Rounding = Rounding.FLOOR

    @property
    def target(self) -> Size:
        """The size that `resize` aims at."""
        size = self.resize_size or self.canvas
        assert size is not None  # noqa: S101 - Options checks it
        return size


class Geometry(NamedTuple):
    """How points of an image map to the canvas: `x_canvas = x_image * scale_x + pad_x`.

    Attributes:
        width: The width of the upright image, in pixels.
        height: The height of the upright image, in pixels.
        scale_x: The factor of a horizontal coordinate.
        scale_y: The factor of a vertical coordinate.
        pad_x: The left edge of the image on the canvas; negative if the image is cropped there.
        pad_y: The top edge of the image on the canvas; negative if the image is cropped there.
    """

    width: float
    height: float
    scale_x: float
    scale_y: float
    pad_x: float
    pad_y: float


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The part of an image to draw, and where to draw it.

    Attributes:
        resized: The size of the whole image on the canvas, before it is cropped.
        box: The part of the image.
        size: The size of the part on the canvas.
        offset: The (left, top) of the part on the canvas.
        canvas: The size of the canvas.
        geometry: How points of the image map to the canvas.
    """

    resized: Size
    box: Box
    size: Size
    offset: tuple[int, int]
    canvas: Size
    geometry: Geometry


def fit(image: Size, recipe: Recipe) -> Fit:
    """Fit an image to the canvas.

    Args:
        image: The size of the upright image.
        recipe: How to fit it.

    Raises:
        InvalidImageError: The canvas follows the image, and would be larger than LARGEST_CANVAS.
    """
    resized, gain = _resized(image, recipe)
    canvas = recipe.canvas or _canvas(resized, recipe)
    offsets = [_offset(resized[axis], canvas[axis], recipe) for axis in (0, 1)]
    left, top = (max(0, -offset) for offset in offsets)
    right, bottom = (min(resized[axis], canvas[axis] - offsets[axis]) for axis in (0, 1))
    scale_x, scale_y = (gain, gain) if gain else (resized[0] / image[0], resized[1] / image[1])
    # The product comes first, because it is exact: a quotient that was rounded up would pass the image's edge.
    return Fit(
        resized=resized,
        box=(
            left * image[0] / resized[0],
            top * image[1] / resized[1],
            right * image[0] / resized[0],
            bottom * image[1] / resized[1],
        ),
        size=(right - left, bottom - top),
        offset=(max(0, offsets[0]), max(0, offsets[1])),
        canvas=canvas,
        geometry=Geometry(*image, scale_x, scale_y, *offsets),
    )


def _resized(image: Size, recipe: Recipe) -> tuple[Size, float]:
    """The size that the image is resized to; and a letterbox's factor before rounding, else 0."""
    target = recipe.target
    if recipe.resize is Resize.SHORTEST_EDGE:
        return _shortest_edge(image, target[0], recipe.longest_edge), 0
    if recipe.resize is Resize.LETTERBOX:
        gain = min(target[0] / image[0], target[1] / image[1])
        whole = round if recipe.rounding is Rounding.ROUND else int
        return (max(1, whole(image[0] * gain)), max(1, whole(image[1] * gain))), gain
    if recipe.resize is Resize.NEAREST_SCALE:
        scale = min((target[0] / image[0], target[1] / image[1]), key=lambda each: abs(1 - each))
        width, height = (max(1, round(side * scale / recipe.multiple)) * recipe.multiple for side in image)
        return (width, height), 0
    return target, 0


def _shortest_edge(image: Size, shorter: int, longest_edge: int | None) -> Size:
    """Source: `get_size_with_aspect_ratio` of Transformers; without a limit, also `Resize` of torchvision."""
    short, long = min(image), max(image)
    exact: float = shorter
    if longest_edge is not None and long / short * shorter > longest_edge:
        exact = longest_edge * short / long
        shorter = round(exact)
    longer = max(1, int(exact * long / short))
    shorter = max(1, shorter)
    return (shorter, longer) if image[0] < image[1] else (longer, shorter)


def _canvas(resized: Size, recipe: Recipe) -> Size:
    """The canvas of an image: its resized size, padded to multiples."""
    width, height = (-(-side // recipe.multiple) * recipe.multiple for side in resized)
    if width * height > LARGEST_CANVAS:
        raise InvalidImageError(
            f"expected an image of at most {LARGEST_CANVAS} pixels after resizing, got {width}x{height}; crop it"
        )
    return width, height


def _offset(resized: int, canvas: int, recipe: Recipe) -> int:
    """Where the image begins on the canvas, on one axis; negative if it is cropped."""
    spare = canvas - resized
    if recipe.position is Position.TOP_LEFT:
        return 0
    if spare >= 0:
        return spare // 2
    return -round(-spare / 2) if recipe.rounding is Rounding.ROUND else -(-spare // 2)
