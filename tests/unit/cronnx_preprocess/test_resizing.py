from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from PIL.Image import Resampling

from cronnx_preprocess.geometry import Box, Size
from cronnx_preprocess.resizing import FILTERS, INTERPOLATIONS, resized


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize(
    ("source", "size", "box"),
    [
        ((50, 40), (32, 32), (12.096774193548388, 7.2, 37.903225806451616, 32.8)),
        ((8, 3), (26, 2), (1.4, 1.2, 6.6, 1.6)),
        ((104, 3), (285, 15), (23.4, 0.0, 80.4, 3.0)),
        ((50, 2), (105, 6), (7.333333333333333, 0.0, 42.333333333333336, 2.0)),
        ((9, 9), (3, 3), (3.0, 3.0, 6.0, 6.0)),
    ],
)
def test_a_part_whose_first_pixel_lies_on_one_of_the_image_is_enlarged(
    mode: str, source: Size, size: Size, box: Box
) -> None:
    # Left to cykooz_resizer, every one of these ends the process.
    for _ in range(100):
        assert resized(Image.new(mode, source), size, box=box, resample=Resampling.BICUBIC).size == size


@pytest.mark.parametrize("resample", FILTERS)
def test_both_resizers_agree_where_one_takes_over_from_the_other(resample: Resampling) -> None:
    dice = np.random.default_rng(seed=2)
    image = Image.fromarray(dice.integers(0, 256, (12, 16, 3), np.uint8)).resize((160, 120), Resampling.BICUBIC)
    enlarged = np.asarray(resized(image, (92, 92), box=(30.2, 10.1, 131.39, 111.29), resample=resample), np.int16)
    reduced = np.asarray(resized(image, (92, 92), box=(30.2, 10.1, 131.41, 111.31), resample=resample), np.int16)
    assert np.abs(enlarged - reduced).mean() < 2


# OpenCV is the reference of what it computes itself; NumPy says here what interpolation without antialiasing is.
@pytest.mark.parametrize("size", [(30, 20), (200, 150), (100, 300), (95, 70)])
def test_without_antialiasing_the_four_nearest_pixels_are_interpolated(size: Size) -> None:
    pixels = np.random.default_rng(seed=4).integers(0, 256, (75, 100, 3), np.uint8)
    found = resized(Image.fromarray(pixels), size, box=(0, 0, 100, 75), resample=Resampling.BILINEAR, antialias=False)
    values = pixels.astype(np.float64)
    for axis, length in ((0, size[1]), (1, size[0])):
        centres = (np.arange(length) + 0.5) * values.shape[axis] / length - 0.5
        lower = np.floor(centres).astype(int)
        share = (centres - lower).reshape(-1, *([1] * (2 - axis)))
        below, above = (np.take(values, index.clip(0, values.shape[axis] - 1), axis) for index in (lower, lower + 1))
        values = below * (1 - share) + above * share
    assert np.abs(np.asarray(found) - values).max() <= 1.5


@pytest.mark.parametrize("resample", INTERPOLATIONS)
def test_without_antialiasing_a_pixel_in_the_middle_of_a_cell_counts_alone(resample: Resampling) -> None:
    pixels = np.zeros((75, 75, 3), np.uint8)
    pixels[1::3, 1::3] = 200  # the middle of each cell of 3 x 3 pixels
    found = resized(Image.fromarray(pixels), (25, 25), box=(0, 0, 75, 75), resample=resample, antialias=False)
    assert np.abs(np.asarray(found, np.int16) - 200).max() <= 1


def test_a_part_without_antialiasing_is_cut_out_of_the_whole() -> None:
    image = Image.fromarray(np.random.default_rng(seed=5).integers(0, 256, (80, 100, 3), np.uint8))
    options = {"resample": Resampling.BILINEAR, "antialias": False}
    whole = resized(image, (50, 40), box=(0, 0, 100, 80), **options)
    part = resized(image, (30, 20), box=(20, 20, 80, 60), **options)
    difference = np.asarray(part, np.int16) - np.asarray(whole, np.int16)[10:30, 10:40]
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("antialias", [True, False])
def test_a_part_up_to_the_edge_is_resized_whatever_its_rounding(antialias: bool) -> None:
    image = Image.new("RGB", (1793, 1793))
    for left in (0.1, 1 / 3, 100 / 7, 1000 / 3, 1792 / 9):
        box = (left, left, 1793, 1793)
        assert resized(image, (32, 32), box=box, resample=Resampling.BILINEAR, antialias=antialias).size == (32, 32)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("resample", FILTERS)
def test_an_image_that_has_its_size_stays_as_it_is(resample: Resampling, *, antialias: bool) -> None:
    image = Image.effect_noise((9, 7), 100).convert("RGB")
    made = resized(image, (9, 7), box=(0, 0, 9, 7), resample=resample, antialias=antialias)
    assert np.array_equal(np.asarray(made), np.asarray(image))
