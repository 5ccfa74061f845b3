from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cronnx._resampling import Box, Geometry, bicubic, mask_in_box, nearest, pixel_counts

RANDOM = np.random.default_rng(0)


def stretched(width: int, height: int, grid: npt.NDArray[np.float32]) -> Geometry:
    return Geometry(width, height, grid.shape[1] / width, grid.shape[0] / height, 0, 0)


def cubic_kernel(distance: float, a: float = -0.75) -> float:
    distance = abs(distance)
    if distance <= 1:
        return (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    return a * (distance**3 - 5 * distance**2 + 8 * distance - 4) if distance < 2 else 0.0


def one_axis(values: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float64]:
    """PyTorch's bicubic interpolation of a row, as it is defined: 4 taps, borders repeated."""
    result = np.zeros(size)
    for pixel in range(size):
        centre = (pixel + 0.5) * len(values) / size - 0.5
        for tap in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            result[pixel] += values[min(max(tap, 0), len(values) - 1)] * cubic_kernel(centre - tap)
    return result


@pytest.mark.parametrize(("width", "height"), [(23, 31), (5, 4), (7, 60)])
def test_bicubic_is_pytorchs(width: int, height: int) -> None:
    grid = RANDOM.normal(size=(6, 9)).astype(np.float32)
    wide = np.array([one_axis(row, width) for row in grid])
    expected = np.array([one_axis(column, height) for column in wide.T]).T
    assert bicubic(grid, stretched(width, height, grid)) == pytest.approx(expected, abs=1e-5)


def test_bicubic_never_mixes_in_the_padding_of_a_letterbox() -> None:
    grid = np.full((8, 8), 1000, np.float32)
    grid[2:6] = 3
    assert (bicubic(grid, Geometry(40, 20, 0.2, 0.2, 0, 2)) == pytest.approx(3)) is True


def test_nearest_takes_the_pixel_under_each_centre() -> None:
    grid = np.arange(4, dtype=np.int16).reshape(2, 2)
    photo = nearest(grid, Geometry(4, 3, 0.5, 2 / 3, 0, 0), unseen=-1)
    assert photo.tolist() == [[0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]


def test_a_crop_leaves_the_rest_of_the_photo_unseen() -> None:
    grid = np.zeros((4, 4), np.int16)
    geometry = Geometry(8, 4, 1, 1, -2, 0)  # the middle 4 columns
    assert nearest(grid, geometry, unseen=-1)[0].tolist() == [-1, -1, 0, 0, 0, 0, -1, -1]
    assert np.isnan(bicubic(grid.astype(np.float32), geometry)[0]).tolist() == [True] * 2 + [False] * 4 + [True] * 2
    assert pixel_counts(grid, geometry, classes=2).tolist() == [16, 0]


@pytest.mark.parametrize("geometry", [Geometry(97, 55, 16 / 97, 16 / 97, 0, 3.4), Geometry(30, 41, 1, 1, -7, -12)])
def test_counts_are_those_of_the_pixels(geometry: Geometry) -> None:
    grid = RANDOM.integers(0, 5, (16, 16)).astype(np.int16)
    photo = nearest(grid, geometry, unseen=-1)
    assert pixel_counts(grid, geometry, classes=5).tolist() == [int((photo == each).sum()) for each in range(5)]


def at(values: npt.NDArray[Any], y: float, x: float) -> float:
    """The value at a point between the centres of cells, whose edges are repeated outwards."""
    y, x = min(max(y, 0), values.shape[0] - 1), min(max(x, 0), values.shape[1] - 1)
    four = np.pad(values, ((0, 1), (0, 1)), mode="edge")[int(y) : int(y) + 2, int(x) : int(x) + 2]
    return float((1 - y % 1, y % 1) @ four @ (1 - x % 1, x % 1))


def enlarged(crop: npt.NDArray[np.int16], scale: int) -> npt.NDArray[np.float64]:
    rows, columns = ((np.arange(size * scale) + 0.5) / scale - 0.5 for size in crop.shape)
    return np.array([[at(crop, row, column) for column in columns] for row in rows])


def whole_mask(
    crop: npt.NDArray[np.int16], crop_box: Box, box: Box, scale: int, size: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """The definition of a mask, pixel by pixel."""
    values = enlarged(crop, scale)
    mask = np.zeros(size[::-1], np.bool_)
    for y, x in np.ndindex(mask.shape):
        row = (y + 0.5 - crop_box[1]) / (crop_box[3] - crop_box[1]) * len(values) - 0.5
        column = (x + 0.5 - crop_box[0]) / (crop_box[2] - crop_box[0]) * len(values[0]) - 0.5
        mask[y, x] = box[0] <= x < box[2] and box[1] <= y < box[3] and at(values, row, column) > 0
    return mask


@pytest.mark.parametrize("scale", [1, 4])
@pytest.mark.parametrize("size", [(61, 40), (33, 90)])
def test_a_mask_is_its_definition(scale: int, size: tuple[int, int]) -> None:
    for box in [(3.2, 5, 21.9, 30.5), (0, 0, *size), (-4, -2.5, 7.7, 90.1), (31, 39, 32.5, 39.5), (9, 9, 9, 20)]:
        crop = RANDOM.integers(-32767, 32768, (7, 11)).astype(np.int16)
        crop_box = box[0] - 3.7, box[1] - 2.9, box[2] + 4.1, box[3] + 3.3
        left, top, part = mask_in_box(crop, crop_box, box, scale=scale, image_size=size)
        mask = np.zeros(size[::-1], np.bool_)
        mask[top : top + part.shape[0], left : left + part.shape[1]] = part
        assert (mask == whole_mask(crop, crop_box, box, scale, size)).all()


def test_a_crop_of_a_letterbox_gives_the_mask_of_the_whole_grid() -> None:
    """A crop with a margin, and all cells of the network's grid with their padding around the photo."""
    width, height, cells, network, gain = 61, 40, 16, 64, 64 / 61
    pad_y = (network - height * gain) / 2
    grid = RANDOM.integers(-32767, 32768, (cells, cells)).astype(np.int16)
    box = (12.4, 7.7, 39.1, 31.2)
    edges = (0.0, -pad_y / gain, float(width), (network - pad_y) / gain)  # of the grid, in pixels of the photo
    cell = 4 / gain
    x1, y1 = (int((box[axis] - edges[axis]) / cell) - 2 for axis in (0, 1))
    x2, y2 = (math.ceil((box[axis + 2] - edges[axis]) / cell) + 2 for axis in (0, 1))
    crop_box = tuple(edges[axis % 2] + place * cell for axis, place in enumerate((x1, y1, x2, y2)))
    left, top, part = mask_in_box(grid[y1:y2, x1:x2], crop_box, box, scale=4, image_size=(width, height))
    expected = whole_mask(grid, edges, box, 4, (width, height))
    assert (left, top) == (13, 8)
    assert (part == expected[8:32, 13:40]).all()
    assert expected.sum() == part.sum() > 0


def test_a_mask_has_the_pixels_of_ultralytics_crop() -> None:
    crop = np.full((3, 3), 9, np.int16)
    left, top, part = mask_in_box(crop, (0, 0, 9, 9), (1.4, 1, 4, 2.2), scale=4, image_size=(10, 10))
    assert (left, top, part.shape, bool(part.all())) == (2, 1, (2, 2), True)  # columns 2 and 3, rows 1 and 2


def test_a_mask_of_no_cells_is_empty() -> None:
    left, top, part = mask_in_box(np.zeros((0, 0), np.int16), (0, 0, 0, 0), (1, 1, 4, 3), scale=4, image_size=(10, 8))
    assert (left, top, part.tolist()) == (1, 1, [[False] * 3] * 2)
