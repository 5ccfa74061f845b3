from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from PIL import Image

from cronnx_preprocess.decoding import (
    DAMAGE,
    LONGEST_SIDE,
    MAX_COST_BYTES,
    check_limits,
    damage_reported,
    decode,
    draft_scale,
)
from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.formats import read_header
from cronnx_preprocess.formats.header import Header
from cronnx_preprocess.payload import EncodedImage
from cronnx_server.paths import ROOT

BACKEND = ROOT / "preprocess_backend"
Encode = Callable[..., bytes]


def header(file: bytes, name: str = "JPEG") -> Header:
    return read_header(EncodedImage(name, file))


def test_an_image_has_a_limit_of_pixels() -> None:
    check_limits(Header("GIF", b"", (40, 30), 1.0), max_pixels=1200)
    with pytest.raises(InvalidImageError, match=r"^expected at most 1199 pixels, got 1200 \(40x30\); make it smaller$"):
        check_limits(Header("GIF", b"", (40, 30), 1.0), max_pixels=1199)


def test_an_image_has_a_limit_of_what_it_costs() -> None:
    costly = Header("WEBP", b"", (4000, 1000), MAX_COST_BYTES / 4e6)
    check_limits(costly, max_pixels=10**9)
    with pytest.raises(InvalidImageError, match=r"^expected at most 3\d{6} pixels in a WEBP of this kind, got 4000000"):
        check_limits(costly._replace(bytes_per_pixel=costly.bytes_per_pixel * 1.1), max_pixels=10**9)


def test_what_a_jpeg_costs_falls_with_the_scale_that_it_is_decoded_at() -> None:
    costly = Header("JPEG", b"", (9000, 7000), 7.0, fixed_bytes_per_pixel=1.0)
    check_limits(costly, max_pixels=10**9, scale=2)
    with pytest.raises(InvalidImageError, match=r"^expected at most 32000000 pixels in a JPEG of this kind"):
        check_limits(costly, max_pixels=10**9)


def test_a_side_too_long_is_refused() -> None:
    with pytest.raises(InvalidImageError, match=r"^expected at most 65535 pixels a side, got 65536x1$"):
        check_limits(Header("PNG", b"", (LONGEST_SIDE + 1, 1), 1.0), max_pixels=10**6)


def test_pillows_own_limit_is_out_of_the_way(encode: Encode, recwarn: pytest.WarningsRecorder) -> None:
    assert decode(header(encode(Image.new("1", (30_000, 10_000)), "PNG"), "PNG")).size == (30_000, 10_000)
    assert not recwarn.list


def test_what_pillow_warns_of_is_neither_written_nor_remembered(encode: Encode) -> None:
    file = encode(Image.new("L", (2, 2)), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff")
    program = f"""
from cronnx_preprocess.decoding import decode
from cronnx_preprocess.formats import read_header
from cronnx_preprocess.payload import EncodedImage
from PIL import TiffImagePlugin
decode(read_header(EncodedImage("WEBP", {file!r}))).getexif().get(1)
print([text for text in getattr(TiffImagePlugin, "__warningregistry__", {{}}) if text != "version"])
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=BACKEND, capture_output=True, text=True, check=True, timeout=60
    )
    assert (ran.stdout, ran.stderr) == ("[]\n", "")


def test_a_file_of_another_format_than_announced_is_damaged(encode: Encode) -> None:
    gif = encode(Image.new("L", (2, 2)), "GIF")
    with pytest.raises(InvalidImageError, match=r"^damaged PNG image"):
        decode(Header("PNG", gif, (2, 2), 1.0))


def test_a_file_that_pillow_reads_as_another_size_than_its_header_says_is_damaged(encode: Encode) -> None:
    with pytest.raises(InvalidImageError, match=r"^damaged GIF image"):
        decode(Header("GIF", encode(Image.new("L", (2, 2)), "GIF"), (2, 3), 1.0))


@pytest.mark.parametrize("error", DAMAGE)
def test_whatever_pillow_raises_becomes_one_error_without_its_text(error: type[Exception]) -> None:
    with pytest.raises(InvalidImageError) as raised, damage_reported("GIF"):
        raise error("at 0x7f00 in /srv/file.py")
    assert str(raised.value) == "damaged GIF image: its pixels cannot be read"
    assert isinstance(raised.value.__cause__, error)


@pytest.mark.parametrize(
    ("size", "wanted", "scale"),
    [((403, 402), (200, 200), 2), ((399, 399), (200, 200), 1), ((800, 1600), (100, 100), 8), ((9, 9), (1, 1), 8)],
)
def test_a_jpeg_is_decoded_at_the_smallest_size_that_is_large_enough(
    size: tuple[int, int], wanted: tuple[int, int], scale: int, encode: Encode
) -> None:
    read = header(encode(Image.new("RGB", size), "JPEG"))
    assert draft_scale(read, wanted) == scale
    assert decode(read, scale=scale).size == tuple(-(-side // scale) for side in size)


def test_no_other_format_is_decoded_smaller(encode: Encode) -> None:
    assert draft_scale(header(encode(Image.new("RGB", (400, 400)), "PNG"), "PNG"), (10, 10)) == 1
