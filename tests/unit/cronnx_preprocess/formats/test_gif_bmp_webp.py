from __future__ import annotations

from collections.abc import Callable

import pytest
from PIL import ExifTags, Image

from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.formats import bmp, gif, webp

Encode = Callable[..., bytes]


@pytest.mark.parametrize("more", [b"!\xfe\x01a\0", b"!\xfe" + b"\x01a" * 600 + b"\0", b"junk"])
def test_extensions_before_the_picture_of_a_gif_are_limited(more: bytes, encode: Encode) -> None:
    file = encode(Image.new("P", (10, 12)), "GIF")
    picture = file.index(b",")
    assert gif.read(file[:picture] + more * 3 + file[picture:]).size == (10, 12)
    with pytest.raises(InvalidImageError, match=r"^expected a GIF with at most 2000 blocks before its picture"):
        gif.read(file[:picture] + more * 2000 + file[picture:])


def test_a_gif_has_the_size_of_its_frame_if_that_is_larger(encode: Encode) -> None:
    file = bytearray(encode(Image.new("P", (10, 12)), "GIF"))
    file[6:10] = bytes((4, 0, 5, 0))
    assert gif.read(bytes(file)).size == (10, 12)


@pytest.mark.parametrize(("compression", "name"), [(1, "RLE"), (2, "RLE"), (4, "JPEG"), (5, "PNG")])
def test_a_bmp_with_compression_is_refused_by_name(compression: int, name: str, encode: Encode) -> None:
    file = bytearray(encode(Image.new("P", (10, 12)), "BMP"))
    file[30] = compression
    with pytest.raises(InvalidImageError, match=f"^a BMP with {name} compression is not supported"):
        bmp.read(bytes(file))


def test_a_bmp_without_its_pixels_is_truncated(encode: Encode) -> None:
    file = encode(Image.new("RGB", (11, 12)), "BMP")
    assert bmp.read(file).size == (11, 12)
    with pytest.raises(InvalidImageError, match=r"^truncated BMP image"):
        bmp.read(file[:-40])


@pytest.mark.parametrize("parameters", [{"quality": 80}, {"lossless": True}, {"exif": Image.Exif()}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_size_of_a_webp_is_read(mode: str, parameters: dict[str, object], encode: Encode) -> None:
    assert webp.read(encode(Image.new(mode, (300, 200)), "WEBP", **parameters)).size == (300, 200)


def test_the_orientation_of_a_webp_is_read(encode: Encode) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    assert webp.read(encode(Image.new("RGB", (3, 2)), "WEBP", exif=exif)).orientation == 6


def test_chunks_of_a_webp_are_limited(encode: Encode) -> None:
    file = encode(Image.new("RGB", (3, 2)), "WEBP", exif=Image.Exif())
    with pytest.raises(InvalidImageError, match=r"^expected a WebP with at most 5000 chunks, got more"):
        webp.read(file + b"noop\0\0\0\0" * 5000)


def test_bytes_of_a_webp_are_limited_and_counted(encode: Encode) -> None:
    file = encode(Image.new("RGB", (30, 20)), "WEBP")
    short, long = (webp.read(file.ljust(size, b"x")).cost_bytes(1) for size in (300, webp.MAX_BYTES))
    assert short == pytest.approx(600 * 9 + 300 * 24)
    assert long == pytest.approx(600 * 9 + webp.MAX_BYTES * 24)
    assert webp.read(file).cost_bytes(1) == 600 * 17  # its memory
    with pytest.raises(InvalidImageError, match=r"^expected a WebP of at most 10485760 bytes, got 10485761"):
        webp.read(file.ljust(webp.MAX_BYTES + 1, b"x"))
