from __future__ import annotations

import pytest

from cronnx_preprocess.geometry import Fit, Resize, Size, fit


def cover(image: Size, output: Size, *, crop: float = 1.0) -> Fit:
    return fit(image, output, resize=Resize.SHORTEST_EDGE, crop=crop)


def test_shortest_edge_without_a_crop_keeps_the_whole_shorter_side() -> None:
    assert cover((400, 200), (100, 100)) == Fit(box=(100, 0, 300, 200), size=(100, 100))


def test_crop_keeps_that_fraction_of_the_shorter_side() -> None:
    assert cover((256, 256), (224, 224), crop=0.875).box == (16, 16, 240, 240)


@pytest.mark.parametrize(("image", "resized"), [((500, 354), (362, 256)), ((333, 500), (256, 384))])
def test_the_resized_image_has_whole_pixels_the_nearest_to_its_shape(image: Size, resized: Size) -> None:
    left, top, right, bottom = cover(image, (224, 224), crop=0.875).box
    assert 224 * image[0] / (right - left) == pytest.approx(resized[0])
    assert 224 * image[1] / (bottom - top) == pytest.approx(resized[1])


def test_a_wide_output_is_covered_in_both_directions() -> None:
    assert cover((100, 100), (200, 100)) == Fit(box=(0, 25, 100, 75), size=(200, 100))


def test_exact_stretches_the_whole_image() -> None:
    stretched = fit((30, 70), (224, 100), resize=Resize.EXACT, crop=1.0)
    assert stretched == Fit(box=(0, 0, 30, 70), size=(224, 100))


def test_letterbox_fits_the_whole_image_in_the_middle() -> None:
    boxed = fit((200, 100), (50, 50), resize=Resize.LETTERBOX, crop=1.0)
    assert boxed == Fit(box=(0, 0, 200, 100), size=(50, 25), offset=(0, 12))


def test_letterbox_never_draws_less_than_one_pixel() -> None:
    assert fit((30_000, 1), (224, 224), resize=Resize.LETTERBOX, crop=1.0).size == (224, 1)


@pytest.mark.parametrize("image", [(1, 1), (65_535, 1), (1, 65_535), (3, 2), (4001, 2999)])
@pytest.mark.parametrize("output", [(224, 224), (224, 112), (1, 1)])
def test_the_box_always_lies_within_the_image(image: Size, output: Size) -> None:
    left, top, right, bottom = cover(image, output, crop=0.875).box
    assert 0 <= left < right <= image[0]
    assert 0 <= top < bottom <= image[1]
