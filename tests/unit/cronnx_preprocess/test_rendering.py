"""The fast way of `render` against the plain one: decode, turn, convert, resize all of it, then crop.

The fast way's filters are Pillow's in 16 bits, and both round to 8 bits between a horizontal and a vertical pass,
whose order differs: a value may be off by a step or two.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image, ImageOps

from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.geometry import Resize
from cronnx_preprocess.options import Options
from cronnx_preprocess.rendering import read_picture, render

Encode = Callable[..., bytes]
MakeOptions = Callable[..., Options]

FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {"quality": 95}),
    ("JPEG", {"quality": 95, "progressive": True}),
    ("MPO", {"quality": 95, "save_all": True, "append_images": [Image.new("RGB", (320, 240))]}),
    ("PNG", {}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"quality": 90}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("GIF", {}),
]
WITH_EXIF = ["JPEG", "MPO", "PNG", "WEBP", "TIFF"]


def plainly(file: bytes, options: Options) -> npt.NDArray[np.int16]:
    image = ImageOps.exif_transpose(Image.open(BytesIO(file)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    assert options.recipe.canvas
    width, height = options.recipe.canvas
    if options.recipe.resize is Resize.SHORTEST_EDGE:
        edge = options.recipe.target[0]
        size = tuple(edge if side == min(image.size) else side * edge // min(image.size) for side in image.size)
        image = image.resize(size, options.resample)
        left, top = (size[0] - width) // 2, (size[1] - height) // 2
        image = image.crop((left, top, left + width, top + height))
    return np.asarray(image.resize((width, height), options.resample), np.int16)


def drawn(payload: bytes, options: Options) -> Image.Image:
    return render(read_picture(payload, options), options)


def rendered(payload: bytes, options: Options) -> npt.NDArray[np.int16]:
    return np.asarray(drawn(payload, options), np.int16)


def assert_close(actual: npt.NDArray[np.int16], expected: npt.NDArray[np.int16]) -> None:
    difference = np.abs(actual - expected)
    assert difference.max() <= 3
    assert difference.mean() < 0.25


@pytest.mark.parametrize(("name", "parameters"), FORMATS)
def test_every_format_is_read(
    name: str, parameters: dict[str, Any], photo: Image.Image, encode: Encode, make_options: MakeOptions
) -> None:
    options = make_options(size=(100, 100), resize_size=(114, 114))
    file = encode(photo, name, **parameters)
    assert_close(rendered(file, options), plainly(file, options))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", WITH_EXIF)
def test_every_orientation_is_turned_upright(
    name: str, orientation: int, photo: Image.Image, encode: Encode, make_options: MakeOptions
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    # 103 by 61 makes the crop lopsided, so that a wrong corner shows.
    options = make_options(size=(31, 31), resize_size=(38, 38))
    file = encode(photo.resize((103, 61)), name, exif=exif, **({"lossless": True} if name == "WEBP" else {}))
    np.testing.assert_allclose(rendered(file, options), plainly(file, options), atol=2)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "YCbCr", "LAB"])
def test_every_mode_comes_out_as_the_plain_way(
    mode: str, photo: Image.Image, encode: Encode, make_options: MakeOptions
) -> None:
    options = make_options(size=(100, 100), resize_size=(114, 114))
    image = Image.merge("LAB", photo.split()) if mode == "LAB" else photo.convert(mode)
    file = encode(image, "TIFF", compression="tiff_lzw")  # Pillow before 13 cannot read its raw YCbCr
    assert_close(rendered(file, options), plainly(file, options))


def test_black_and_white_comes_out_near_the_plain_way(
    photo: Image.Image, encode: Encode, make_options: MakeOptions
) -> None:
    options = make_options(size=(100, 100), resize_size=(114, 114))
    file = encode(photo.convert("1"), "TIFF", compression="tiff_lzw")
    # A filter overshoots at every edge, which is cut off after each pass.
    np.testing.assert_allclose(rendered(file, options), plainly(file, options), atol=16)


def test_compositing_the_small_image_is_compositing_the_large_one(
    photo: Image.Image, encode: Encode, make_options: MakeOptions
) -> None:
    alpha = photo.getchannel("R").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    translucent = photo.copy()
    translucent.putalpha(alpha)
    options = make_options(size=(100, 100), resize_size=(114, 114))
    file = encode(translucent, "PNG")
    np.testing.assert_allclose(rendered(file, options), plainly(file, options), atol=3)


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
@pytest.mark.parametrize("resize", [Resize.SHORTEST_EDGE, Resize.EXACT])
def test_a_large_image_read_in_part_stays_near_the_plain_one(
    name: str, resize: Resize, photo: Image.Image, encode: Encode, make_options: MakeOptions
) -> None:
    options = make_options(resize=resize)
    file = encode(photo.resize((1603, 1201), Image.Resampling.LANCZOS), name)
    difference = np.abs(rendered(file, options) - plainly(file, options))
    assert difference.mean() < 0.5
    assert difference.max() <= 6


def test_nearest_shows_pixels_of_the_image_however_large_it_is(
    photo: Image.Image, encode: Encode, make_options: MakeOptions
) -> None:
    options = make_options(resize=Resize.EXACT, resample=Image.Resampling.NEAREST)
    file = encode(photo.resize((1603, 1201)), "JPEG")  # no pixel's centre lies between two
    np.testing.assert_array_equal(rendered(file, options), plainly(file, options))


@pytest.mark.parametrize("size", [(1, 1), (30_000, 1), (1, 30_000), (2, 3)])
@pytest.mark.parametrize("resize", list(Resize))
@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_extreme_shapes_are_drawn(
    size: tuple[int, int], resize: Resize, name: str, encode: Encode, make_options: MakeOptions
) -> None:
    image = drawn(encode(Image.new("RGB", size, "white"), name), make_options(resize=resize))
    assert image.getextrema() == ((255, 255),) * 3


def test_the_first_frame_of_an_animation_is_shown(encode: Encode, make_options: MakeOptions) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    file = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert drawn(file, make_options()).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_file_cut_short_is_refused(name: str, photo: Image.Image, encode: Encode, make_options: MakeOptions) -> None:
    file = encode(photo, name)
    with pytest.raises(InvalidImageError, match=f"^(truncated|damaged) {name} image: its pixels cannot be read$"):
        drawn(file[: len(file) // 2], make_options())


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about what it found in the damaged files
@pytest.mark.parametrize(
    ("name", "mode", "parameters"),
    [
        *((name, "RGB", parameters) for name, parameters in FORMATS),
        ("JPEG", "CMYK", {}),
        ("PNG", "P", {"transparency": 3}),
        ("PNG", "RGBA", {}),
        ("TIFF", "LAB", {}),
        ("TIFF", "1", {"compression": "group4"}),
        ("TIFF", "RGB", {"compression": "jpeg"}),
        ("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}),
    ],
)
def test_no_damage_escapes_as_another_error(
    name: str,
    mode: str,
    parameters: dict[str, Any],
    photo: Image.Image,
    encode: Encode,
    make_options: MakeOptions,
) -> None:
    options = make_options(size=(8, 8), max_pixels=10**5)
    small = photo.resize((32, 24))
    file = encode(Image.merge("LAB", small.split()) if mode == "LAB" else small.convert(mode), name, **parameters)
    dice = np.random.default_rng(seed=5)
    outcomes = [refusal(damaged(file, dice), options) for _ in range(150)]
    assert any(outcomes)


def refusal(payload: bytes, options: Options) -> InvalidImageError | None:
    try:
        drawn(payload, options)
    except InvalidImageError as error:
        return error
    return None


def damaged(file: bytes, dice: np.random.Generator) -> bytes:
    """The file with a few bits flipped, header bytes overwritten, or its end cut off."""
    broken = bytearray(file)
    for _ in range(dice.choice([1, 1, 2, 8])):
        position = int(dice.integers(4, len(broken)))
        match dice.integers(3):
            case 0:
                broken[position] ^= 1 << int(dice.integers(8))
            case 1:
                broken[min(position, int(dice.integers(4, 80)))] = dice.choice([0, 1, 127, 255])
            case 2:
                del broken[max(position, 40) :]
    return bytes(broken)
