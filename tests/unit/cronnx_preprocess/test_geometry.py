"""Sizes and places as the libraries compute them; each expectation is worked out from their sources."""

from __future__ import annotations

from typing import Any

import pytest

from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.geometry import Fit, Geometry, Position, Recipe, Resize, Rounding, Size, fit


def fitted(image: Size, canvas: Size | None, resize: Resize, **recipe: Any) -> Fit:
    return fit(image, Recipe(canvas=canvas, resize=resize, **recipe))


def cover(image: Size, canvas: Size, **recipe: Any) -> Fit:
    return fitted(image, canvas, Resize.SHORTEST_EDGE, **recipe)


def test_shortest_edge_without_a_size_keeps_the_whole_shorter_side() -> None:
    found = cover((400, 200), (100, 100))
    assert (found.box, found.size, found.offset) == ((100, 0, 300, 200), (100, 100), (0, 0))
    assert found.geometry == Geometry(400, 200, 0.5, 0.5, -50, 0)


def test_a_larger_size_is_cropped() -> None:
    assert cover((256, 256), (224, 224), resize_size=(256, 256)).box == (16, 16, 240, 240)


@pytest.mark.parametrize(("image", "resized"), [((500, 354), (361, 256)), ((333, 500), (256, 384))])
def test_the_longer_side_is_cut_to_whole_pixels(image: Size, resized: Size) -> None:
    left, top, right, bottom = cover(image, (224, 224), resize_size=(256, 256)).box
    assert 224 * image[0] / (right - left) == pytest.approx(resized[0])
    assert 224 * image[1] / (bottom - top) == pytest.approx(resized[1])


@pytest.mark.parametrize(
    ("rounding", "pad"),
    [(Rounding.FLOOR, -1), (Rounding.ROUND, -2)],  # 1.5 pixels are spare on each side
)
def test_half_a_pixel_of_a_crop_is_rounded_as_the_library_does(rounding: Rounding, pad: int) -> None:
    assert cover((103, 100), (100, 100), rounding=rounding).geometry.pad_x == pad


def test_a_canvas_larger_than_the_image_is_padded() -> None:
    """MobileViT: 224 pixels in the middle of 256."""
    found = cover((224, 224), (256, 256), resize_size=(224, 224))
    assert (found.size, found.offset, found.geometry.pad_x) == ((224, 224), (16, 16), 16)


def test_exact_stretches_the_whole_image() -> None:
    found = fitted((30, 70), (224, 100), Resize.EXACT)
    assert (found.box, found.size) == ((0, 0, 30, 70), (224, 100))
    assert found.geometry == Geometry(30, 70, 224 / 30, 100 / 70, 0, 0)


def test_exact_to_another_size_is_cropped() -> None:
    """Timm's `squash`: 256 x 256, then the middle."""
    assert fitted((512, 256), (224, 224), Resize.EXACT, resize_size=(256, 256)).box == (32, 16, 480, 240)


def test_letterbox_fits_the_whole_image_in_the_middle() -> None:
    found = fitted((200, 100), (50, 50), Resize.LETTERBOX)
    assert (found.box, found.size, found.offset) == ((0, 0, 200, 100), (50, 25), (0, 12))


def test_letterbox_scales_points_by_the_factor_before_rounding() -> None:
    found = fitted((600, 399), (640, 640), Resize.LETTERBOX, rounding=Rounding.ROUND)
    assert found.size == (640, 426)
    assert found.geometry[2:] == (640 / 600, 640 / 600, 0, 107)


def test_letterbox_at_the_top_left_pads_the_bottom_and_the_right() -> None:
    found = fitted((600, 401), (416, 416), Resize.LETTERBOX, position=Position.TOP_LEFT)
    assert (found.size, found.offset) == ((416, 278), (0, 0))


def test_letterbox_never_draws_less_than_one_pixel() -> None:
    assert fitted((30_000, 1), (224, 224), Resize.LETTERBOX).size == (224, 1)


def test_a_canvas_that_follows_a_letterboxed_image_is_padded_to_the_stride() -> None:
    recipe: dict[str, Any] = {"resize_size": (640, 640), "multiple": 32, "rounding": Rounding.ROUND}
    found = fitted((600, 400), None, Resize.LETTERBOX, **recipe)
    assert (found.size, found.canvas, found.offset) == ((640, 427), (640, 448), (0, 10))


@pytest.mark.parametrize(
    ("image", "canvas"),
    [((600, 400), (1200, 800)), ((451, 300), (1202, 800)), ((900, 300), (1333, 444)), ((300, 900), (444, 1333))],
)
def test_a_canvas_that_follows_the_image_stays_below_the_longest_edge(image: Size, canvas: Size) -> None:
    """The numbers are those of `DetrImageProcessor`, shortest edge 800, longest edge 1333."""
    found = fitted(image, None, Resize.SHORTEST_EDGE, resize_size=(800, 800), longest_edge=1333)
    assert found.canvas == found.size == canvas


def test_nearest_scale_fits_the_side_that_changes_less() -> None:
    """Depth-Anything: multiples of 14 around 518."""
    found = fitted((600, 400), None, Resize.NEAREST_SCALE, resize_size=(518, 518), multiple=14)
    assert found.canvas == (518, 350)


def test_a_canvas_that_follows_the_image_has_a_bound() -> None:
    with pytest.raises(InvalidImageError, match=r"expected an image of at most 4194304 pixels after resizing"):
        fitted((60_000, 100), None, Resize.SHORTEST_EDGE, resize_size=(800, 800))


@pytest.mark.parametrize("image", [(1, 1), (65_535, 1), (1, 65_535), (3, 2), (4001, 2999)])
@pytest.mark.parametrize("canvas", [(224, 224), (224, 112), (1, 1)])
@pytest.mark.parametrize("resize", list(Resize))
def test_the_box_always_lies_within_the_image(image: Size, canvas: Size, resize: Resize) -> None:
    found = fitted(image, canvas, resize, resize_size=(256, 256))
    left, top, right, bottom = found.box
    assert 0 <= left < right <= image[0]
    assert 0 <= top < bottom <= image[1]
    assert all(0 < drawn <= side for drawn, side in zip(found.size, canvas, strict=True))


@pytest.mark.parametrize("side", [224, 518, 640])
def test_a_whole_image_of_any_size_is_taken_to_its_very_edge(side: int) -> None:
    for longest in range(1, 4000):
        found = fitted((longest, longest), (side, side), Resize.EXACT)
        assert found.box == (0, 0, longest, longest)
