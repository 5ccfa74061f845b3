from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.pixel_modes import resizable, rgb

RED, WHITE = (255, 0, 0), (255, 255, 255)


def pixel(image: Image.Image) -> object:
    return rgb(resizable(image)).getpixel((0, 0))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_ends_as_the_rgb_it_shows(mode: str) -> None:
    assert pixel(Image.new("RGB", (2, 2), WHITE).convert(mode)) == WHITE


@pytest.mark.parametrize("mode", ["P", "RGBA", "CMYK"])
def test_colours_survive(mode: str) -> None:
    assert pixel(Image.new("RGB", (2, 2), RED).convert(mode)) == RED


def test_lab_is_converted() -> None:
    assert pixel(Image.new("LAB", (2, 2), (255, 128, 128))) == pytest.approx(WHITE, abs=2)


def test_grey_stays_grey_until_it_is_small() -> None:
    assert resizable(Image.new("L", (2, 2))).mode == "L"
    assert resizable(Image.new("1", (2, 2))).mode == "L"


@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_alpha_is_composited_over_white(alpha: int) -> None:
    expected = [255, 255 - alpha, 255 - alpha]
    assert pixel(Image.new("RGBA", (2, 2), (*RED, alpha))) == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("mode", ["La", "LA", "PA"])
def test_the_rarer_modes_with_alpha_are_transparent_too(mode: str) -> None:
    assert pixel(Image.new(mode, (2, 2), (0, 0))) == WHITE


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_a_transparent_colour_shows_white(mode: str) -> None:
    image = Image.new(mode, (2, 2), 0)
    image.info["transparency"] = (0, 0, 0) if mode == "RGB" else 0
    assert pixel(image) == WHITE


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4"])
def test_sixteen_bits_are_scaled_to_eight(dtype: str) -> None:
    image = Image.fromarray(np.array([[0, 255, 256, 0x8000, 0xFFFF]], dtype))
    assert list(resizable(image).tobytes()) == [0, 0, 1, 128, 255]


def test_integers_beyond_sixteen_bits_are_clipped() -> None:
    assert list(resizable(Image.fromarray(np.array([[-5, 70_000]], np.int32))).tobytes()) == [0, 255]


def test_floating_point_pixels_are_refused() -> None:
    with pytest.raises(InvalidImageError, match="floating-point"):
        resizable(Image.new("F", (2, 2)))
