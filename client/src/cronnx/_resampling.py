"""From a network's grid back to the photo: nearest and bicubic sampling of maps, and bilinear sampling of masks.

Coordinates are those of pixel edges: pixel i of a photo reaches from i to i + 1, and its centre is at i + 0.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Box: TypeAlias = tuple[float, float, float, float]

_A = -0.75  # the cubic kernel of PyTorch and OpenCV
_TOLERANCE = 0.5  # how far, in pixels of the grid, rounding may place a photo beyond the grid's edge


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where a photo lies on a network's grid: `x_grid = x_photo * scale_x + pad_x`, and the same for y.

    Attributes:
        width: The width of the upright photo, in pixels.
        height: Its height, in pixels.
        scale_x: The pixels of the grid for each pixel of the photo, horizontally.
        scale_y: The same, vertically.
        pad_x: The left edge of the photo on the grid, in pixels of the grid; negative if the photo was cropped.
        pad_y: The upper edge of the photo on the grid; negative if the photo was cropped.
    """

    width: int
    height: int
    scale_x: float
    scale_y: float
    pad_x: float
    pad_y: float

    def columns(self, grid_width: int) -> Axis:
        """Return where the columns of the photo lie on the grid."""
        return Axis(self.width, self.scale_x, self.pad_x, grid_width)

    def rows(self, grid_height: int) -> Axis:
        """Return where the rows of the photo lie on the grid."""
        return Axis(self.height, self.scale_y, self.pad_y, grid_height)


def read_geometry(values: npt.NDArray[Any]) -> Geometry:
    """Read the output `geometry`."""
    width, height, *others = values.tolist()
    return Geometry(round(width), round(height), *others)


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a photo and of the grid.

    Attributes:
        size: The pixels of the photo.
        scale: The pixels of the grid for each of them.
        pad: The first edge of the photo on the grid.
        grid_size: The pixels of the grid.
    """

    size: int
    scale: float
    pad: float
    grid_size: int

    def positions(self) -> npt.NDArray[np.float64]:
        """Return the position of each pixel's centre on the grid."""
        return (np.arange(self.size) + 0.5) * self.scale + self.pad

    def seen(self) -> slice:
        """Return the pixels of the photo that lie on the grid; a crop cuts others off."""
        positions = self.positions()
        first = np.searchsorted(positions, -_TOLERANCE, side="right")
        last = np.searchsorted(positions, self.grid_size + _TOLERANCE)
        return slice(int(first), int(last))

    def limits(self) -> tuple[int, int]:
        """Return the first and the last pixel of the grid that shows the photo and not its padding."""
        first = min(max(round(self.pad), 0), self.grid_size - 1)
        last = round(self.pad + self.size * self.scale) - 1
        return first, min(max(last, first), self.grid_size - 1)

    def nearest(self) -> Indices:
        """Return the pixel of the grid for each pixel of the photo that the network has seen."""
        pixels: Indices = np.clip(np.floor(self.positions()[self.seen()]), *self.limits()).astype(np.int64)
        return pixels

    def cubic(self) -> tuple[Indices, Floats]:
        """Return the four pixels of the grid for each seen pixel of the photo, and their weights; [4, size] each."""
        centres = self.positions()[self.seen()] - 0.5
        floor = np.floor(centres)
        fraction = centres - floor
        taps = np.clip(floor + np.arange(-1, 3)[:, None], *self.limits()).astype(np.int64)
        weights = [_outer(1 + fraction), _inner(fraction), _inner(1 - fraction), _outer(2 - fraction)]
        return taps, np.array(weights, np.float32)


def _inner(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # The cubic kernel at most 1 pixel away; `_outer` is the kernel from 1 to 2 pixels away.
    return ((_A + 2) * distance - (_A + 3)) * distance * distance + 1


def _outer(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return ((_A * distance - 5 * _A) * distance + 8 * _A) * distance - 4 * _A


def nearest(grid: npt.NDArray[Any], geometry: Geometry, *, unseen: int) -> npt.NDArray[Any]:
    """Lay a grid [h, w] of classes over the photo; the value `unseen` is for pixels that a crop cut off."""
    rows, columns = geometry.rows(grid.shape[0]), geometry.columns(grid.shape[1])
    photo = np.full((geometry.height, geometry.width), unseen, grid.dtype)
    photo[rows.seen(), columns.seen()] = grid[rows.nearest()][:, columns.nearest()]
    return photo


def pixel_counts(grid: npt.NDArray[Any], geometry: Geometry, *, classes: int) -> npt.NDArray[np.int64]:
    """Return the number of the photo's pixels of each class, as `nearest` lays them."""
    rows = np.bincount(geometry.rows(grid.shape[0]).nearest(), minlength=grid.shape[0])
    columns = np.bincount(geometry.columns(grid.shape[1]).nearest(), minlength=grid.shape[1])
    counts = np.bincount(grid.ravel(), weights=np.outer(rows, columns).ravel(), minlength=classes)
    return counts.astype(np.int64)


def bicubic(grid: Floats, geometry: Geometry) -> Floats:
    """Lay a grid [h, w] over the photo as PyTorch's `interpolate` with `mode="bicubic"`; NaN where a crop cut off."""
    rows, columns = geometry.rows(grid.shape[0]), geometry.columns(grid.shape[1])
    (row_taps, row_weights), (column_taps, column_weights) = rows.cubic(), columns.cubic()
    wide = sum(grid[:, tap] * weight for tap, weight in zip(column_taps, column_weights, strict=True))
    photo = np.full((geometry.height, geometry.width), np.nan, np.float32)
    photo[rows.seen(), columns.seen()] = sum(
        wide[tap] * weight[:, None] for tap, weight in zip(row_taps, row_weights, strict=True)
    )
    return photo


def mask_in_box(
    crop: npt.NDArray[np.int16], crop_box: Box, box: Box, *, scale: int, image_size: tuple[int, int]
) -> tuple[int, int, npt.NDArray[np.bool_]]:
    """Sample a mask's crop at the pixels of a box, in Ultralytics' two bilinear steps.

    The crop is first enlarged, and then sampled at the centres of the photo's pixels. A pixel is in the box if
    x1 <= x < x2 for its column x, counted from 0, and the same for y, as in Ultralytics' `crop_mask`.

    Args:
        crop: Above 0 where the object is, [h, w].
        crop_box: The rectangle that the outer edges of the crop's cells make, in pixels of the photo.
        box: The box, in pixels of the photo.
        scale: The factor by which the crop is enlarged.
        image_size: The width and the height of the photo.

    Returns:
        The left and the upper pixel of the box, and whether each of its pixels is the object, [height, width].
    """
    columns, rows = (np.arange(*_pixels(box[axis], box[axis + 2], image_size[axis])) for axis in (0, 1))
    starts = int(columns[0]) if columns.size else 0, int(rows[0]) if rows.size else 0
    if not (crop.size and columns.size and rows.size):
        return *starts, np.zeros((rows.size, columns.size), np.bool_)
    values = crop.astype(np.float32)
    for axis, pixels in ((1, rows), (0, columns)):
        cells = crop.shape[1 - axis]
        enlarged = _bilinear(values, _centres(np.arange(cells * scale), 0, cells * scale, cells))
        values = _bilinear(enlarged, _centres(pixels, crop_box[axis], crop_box[axis + 2], cells * scale)).T
    return *starts, values > 0


def _pixels(start: float, end: float, size: int) -> tuple[int, int]:
    """Return the first pixel of a photo's axis that is in a box, and the first that is past it."""
    first = max(math.ceil(start), 0)
    return first, max(min(math.ceil(end), size), first)


def _centres(pixels: Indices, start: float, end: float, cells: int) -> npt.NDArray[np.float64]:
    """Return where the centres of pixels lie among the centres of cells that reach from a start to an end."""
    return (pixels + 0.5 - start) * (cells / (end - start)) - 0.5


def _bilinear(values: Floats, positions: npt.NDArray[np.float64]) -> Floats:
    """Sample rows at positions between them; beyond the first and the last row are their values."""
    positions = np.clip(positions, 0, len(values) - 1)
    lower = positions.astype(np.int64)
    weight = (positions - lower).astype(np.float32)[:, None]
    sampled: Floats = values[lower] * (1 - weight) + values[np.minimum(lower + 1, len(values) - 1)] * weight
    return sampled
