from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from cronnx._resampling import Geometry, bicubic, mask_in_box, nearest, pixel_counts

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


def test_a_mask_covers_the_pixels_whose_centres_are_in_the_box() -> None:
    left, top, part = mask_in_box(np.full((3, 3), 255, np.uint8), (1.4, 0.6, 4.6, 2.2), (10, 10))
    assert (left, top, part.shape, bool(part.all())) == (1, 1, (1, 4), True)


def test_a_mask_is_interpolated_between_cells() -> None:
    grid = np.array([[0, 255]], np.uint8)
    _, _, part = mask_in_box(grid, (0, 0, 8, 1), (8, 1))
    assert part[0].tolist() == [False] * 4 + [True] * 4


def test_a_box_beyond_the_photo_is_cut() -> None:
    left, top, part = mask_in_box(np.full((2, 2), 255, np.uint8), (-3, -3, 30, 30), (10, 8))
    assert (left, top, part.shape) == (0, 0, (8, 10))


def test_an_empty_box_has_no_pixels() -> None:
    assert mask_in_box(np.full((2, 2), 255, np.uint8), (3, 3, 3, 3), (10, 8))[2].size == 0
