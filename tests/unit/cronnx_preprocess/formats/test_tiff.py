from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from cronnx_preprocess.decoding import decode
from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.formats.tiff import MAX_PARTS, read
from cronnx_preprocess.pixel_modes import resizable, rgb
from tests.corpus.bombs import tiff_with
from tests.corpus.tiffs import indexed, sixteen_bits, tiff, tiles_of_a_pixel, twelve_bits

Encode = Callable[..., bytes]


def pixels(file: bytes) -> Any:
    return np.asarray(rgb(resizable(decode(read(file)))))


@pytest.mark.parametrize("big_tiff", [False, True])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_what_pillow_writes_looks_the_same_without_its_metadata(
    mode: str, compression: str, big_tiff: bool, photo: Image.Image, encode: Encode
) -> None:
    image = Image.fromarray(np.asarray(photo.convert("L")) * np.uint16(257)) if mode == "I;16" else photo.convert(mode)
    file = encode(image, "TIFF", compression=compression, big_tiff=big_tiff, description="x" * 5000)
    np.testing.assert_array_equal(pixels(file), np.asarray(rgb(resizable(image))))


def test_pillow_sees_no_tag_that_does_not_make_pixels(photo: Image.Image, encode: Encode) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    header = read(encode(photo, "TIFF", exif=exif, description="x" * 5000, software="y"))
    assert header.orientation == 6
    assert header.size == photo.size
    image = decode(header)
    assert image.size == photo.size
    assert not {270, 274, 305} & set(image.tag_v2)


def test_a_chain_of_directories_ends_with_the_first(photo: Image.Image, encode: Encode) -> None:
    file = encode(photo, "TIFF", save_all=True, append_images=[photo] * 3)
    assert not decode(read(file)).is_animated


def test_twelve_bits_in_sixteen_are_as_bright_as_sixteen() -> None:
    np.testing.assert_array_equal(pixels(twelve_bits()), pixels(sixteen_bits()))


def test_a_colour_map_of_eight_bits_has_the_colours_of_one_of_sixteen() -> None:
    np.testing.assert_array_equal(pixels(indexed(255)), pixels(indexed(65535)))


@pytest.mark.parametrize(
    ("compression", "name"), [(6, "old-style JPEG"), (34925, "LZMA"), (50001, "WebP"), (12345, r"unknown \(12345\)")]
)
def test_rare_compressions_are_refused_by_name(compression: int, name: str) -> None:
    with pytest.raises(InvalidImageError, match=f"^a TIFF with {name} compression is not supported"):
        read(tiff_with({259: compression}))


def test_strips_and_tiles_are_limited() -> None:
    assert pixels(tiles_of_a_pixel(50)).shape == (50, 50, 3)
    with pytest.raises(InvalidImageError, match=rf"^expected a TIFF with at most {MAX_PARTS} strips or tiles"):
        read(tiles_of_a_pixel(101))


def test_tags_are_limited() -> None:
    file = b"II*\0" + struct.pack("<IH", 8, 60_000) + bytes(60_000 * 12)
    with pytest.raises(InvalidImageError, match=r"^expected a TIFF with at most 1000 tags"):
        read(file)


@pytest.mark.parametrize(
    "tags",
    [
        {322: [60_000], 323: [60_000], 325: [100]},  # a tile that is much larger than the picture
        {278: [10], 279: [100], 258: [8] * 20_000},  # numbers that Pillow would read one by one
    ],
)
def test_what_would_cost_memory_without_pixels_is_damage(tags: dict[int, list[int]]) -> None:
    plain = {256: [10], 257: [10], 258: [8], 259: [1], 262: [1], 277: [1]}
    with pytest.raises((InvalidImageError, ValueError)):
        read(tiff(plain | tags, bytes(100)))


def test_a_jpeg_of_several_scans_in_it_is_refused_by_name(photo: Image.Image, encode: Encode) -> None:
    file = encode(photo, "TIFF", compression="jpeg")
    assert pixels(file).shape == (240, 320, 3)
    scan, of_one_channel = b"\xff\xda\x00\x0c\x03", b"\xff\xda\x00\x08\x01"
    pixels_at = file.index(scan) + 100
    for changed in (
        file.replace(b"\xff\xc0", b"\xff\xc2"),
        file.replace(scan, of_one_channel),
        file[:pixels_at] + scan + file[pixels_at + len(scan) :],
    ):
        with pytest.raises(InvalidImageError, match=r"^a TIFF with a progressive JPEG, or one of several scans,"):
            read(changed)
