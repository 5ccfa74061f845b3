from __future__ import annotations

import zlib
from collections.abc import Callable

import pytest
from PIL import ExifTags, Image, PngImagePlugin

from cronnx_lab.fuzz.images import png_chunk
from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.formats.png import MAX_CHUNKS, read

Encode = Callable[..., bytes]
END_OF_HEADER = 33


@pytest.fixture(scope="module")
def plain(photo: Image.Image, encode: Encode) -> bytes:
    return encode(photo, "PNG")


def with_more(file: bytes, more: bytes) -> bytes:
    return file[:END_OF_HEADER] + more + file[END_OF_HEADER:]


def test_metadata_stay_out_of_pillows_file(plain: bytes) -> None:
    more = png_chunk(b"tEXt", b"Comment\0" + bytes(99)) + png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(999)))
    assert read(with_more(plain, more) + b"trailing") == read(plain)
    assert read(plain).file == plain


def test_palette_and_transparency_stay(photo: Image.Image, encode: Encode) -> None:
    file = encode(photo.convert("P"), "PNG", transparency=3)
    assert read(file).file == file


def exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def test_the_orientation_comes_from_exif_before_or_after_the_pixels(
    photo: Image.Image, encode: Encode, plain: bytes
) -> None:
    assert read(encode(photo, "PNG", exif=exif(6))).orientation == 6
    assert read(plain[:-12] + png_chunk(b"eXIf", exif(8).tobytes()[6:]) + plain[-12:]).orientation == 8


def test_the_orientation_comes_from_imagemagicks_text(photo: Image.Image, encode: Encode) -> None:
    text = PngImagePlugin.PngInfo()
    digits = exif(6).tobytes().hex()
    text.add_text("Raw profile type exif", f"\nexif\n{len(digits) // 2}\n{digits}\n", zip=True)
    assert read(encode(photo, "PNG", pnginfo=text)).orientation == 6
    broken = png_chunk(b"zTXt", b"Raw profile type exif\0\0noise")
    assert read(with_more(encode(photo, "PNG"), broken)).orientation == 1


def test_only_the_first_text_with_exif_is_decompressed(plain: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    read_texts: list[bytes] = []
    monkeypatch.setattr("cronnx_preprocess.formats.png._profile_orientation", read_texts.append)
    read(with_more(plain, png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(9999))) * 500))
    assert len(read_texts) == 1


def test_chunks_without_end_are_refused(plain: bytes) -> None:
    with pytest.raises(InvalidImageError, match=r"^expected a PNG with at most 10000 chunks, got more"):
        read(with_more(plain, png_chunk(b"prIv", b"") * MAX_CHUNKS))


def test_an_apple_png_is_refused_by_name(plain: bytes) -> None:
    file = plain[:8] + png_chunk(b"CgBI", b"\x50\x00\x20\x02") + plain[8:]
    with pytest.raises(InvalidImageError, match=r"^an Apple PNG \(CgBI, .*\) is not supported"):
        read(file)


@pytest.mark.parametrize(("mode", "bytes_per_pixel"), [("1", 10.125), ("P", 11), ("RGB", 13), ("RGBA", 14)])
def test_a_pixel_costs_more_the_more_bytes_it_has(
    mode: str, bytes_per_pixel: float, photo: Image.Image, encode: Encode
) -> None:
    assert read(encode(photo.convert(mode), "PNG")).bytes_per_pixel == bytes_per_pixel
