"""From a network's grid back to the photo: nearest and bicubic sampling, and masks stretched over boxes.

Coordinates are those of pixel edges: pixel i of a photo reaches from i to i + 1, and its centre is at i + 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

_A = -0.75  # the cubic kernel of PyTorch and OpenCV
_INSIDE = 128  # the least value of a mask's grid, 0 to 255, that is the object
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
    grid: npt.NDArray[np.uint8], box: tuple[float, float, float, float], image_size: tuple[int, int]
) -> tuple[int, int, npt.NDArray[np.bool_]]:
    """Stretch a mask's grid [g, g] over a box, bilinearly.

    Args:
        grid: How much of each cell is the object, 0 to 255.
        box: The box x1, y1, x2, y2, in pixels of the photo.
        image_size: The width and the height of the photo.

    Returns:
        The left and the upper pixel of the box, and whether each of its pixels is the object, [height, width].
    """
    x1, y1, x2, y2 = box
    left, column, right_of, across = _stretched(x1, x2, grid.shape[1], image_size[0])
    top, row, below, down = _stretched(y1, y2, grid.shape[0], image_size[1])
    values = grid.astype(np.float32)
    wide = values[:, column] * (1 - across) + values[:, right_of] * across
    down = down[:, None]
    return left, top, wide[row] * (1 - down) + wide[below] * down >= _INSIDE


def _stretched(start: float, end: float, cells: int, size: int) -> tuple[int, Indices, Indices, Floats]:
    """Return the first pixel whose centre is in the box, and for each pixel two cells and the second's weight."""
    first = max(int(np.ceil(start - 0.5)), 0)
    pixels = np.arange(first, min(int(np.floor(end - 0.5)) + 1, size))
    cell = np.clip((pixels + 0.5 - start) * (cells / max(end - start, 1e-6)) - 0.5, 0, cells - 1)
    lower = cell.astype(np.int64)
    return first, lower, np.minimum(lower + 1, cells - 1), (cell - lower).astype(np.float32)
