from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image
from PIL.ImageFile import ImageFile

from cronnx_preprocess.decoding import (
    DAMAGE,
    LONGEST_SIDE,
    MAX_SCANS,
    damage_reported,
    draft,
    has_too_many_scans,
    open_image,
)
from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.payload import EncodedImage
from cronnx_server.paths import ROOT

BACKEND = ROOT / "preprocess_backend"
Encode = Callable[..., bytes]
SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x12\xff\x00\xff\xd0\x34"
FORMATS = ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"]


def opened(file: bytes, name: str = "JPEG", *, max_pixels: int = 10**6) -> ImageFile:
    return open_image(EncodedImage(name, file), max_pixels=max_pixels)


@pytest.mark.parametrize("name", FORMATS)
def test_the_pixel_limit_is_checked_before_any_pixel_is_decoded(name: str, encode: Encode) -> None:
    # Half the file is missing, and nobody notices.
    file = encode(Image.effect_noise((40, 30), 64), name)
    header = file if name in ("WEBP", "TIFF") else file[: len(file) // 2 + 100]
    with pytest.raises(InvalidImageError, match=r"^expected at most 1199 pixels, got 1200 \(40x30\)$"):
        opened(header, name, max_pixels=1199)


def test_a_webp_that_claims_a_huge_canvas_is_refused_by_its_header(encode: Encode) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    file = bytearray(encode(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    canvas = file.index(b"VP8X") + 12
    file[canvas : canvas + 6] = (15_999).to_bytes(3, "little") * 2
    with pytest.raises(InvalidImageError, match=r"got 256000000 \(16000x16000\)$"):
        opened(bytes(file), "WEBP")


def test_pillows_own_limit_is_out_of_the_way(encode: Encode, recwarn: pytest.WarningsRecorder) -> None:
    file = bytearray(encode(Image.new("1", (1, 1)), "BMP"))
    file[18:26] = struct.pack("<ii", 30_000, 30_000)
    assert opened(bytes(file), "BMP", max_pixels=10**9).size == (30_000, 30_000)
    assert not recwarn.list


def test_what_pillow_warns_of_is_neither_written_nor_remembered(encode: Encode) -> None:
    file = encode(Image.new("L", (2, 2)), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff")
    program = f"""
from cronnx_preprocess.decoding import open_image
from cronnx_preprocess.payload import EncodedImage
from PIL import TiffImagePlugin
open_image(EncodedImage("JPEG", {file!r}), max_pixels=9).getexif().get(1)
print([text for text in getattr(TiffImagePlugin, "__warningregistry__", {{}}) if text != "version"])
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=BACKEND, capture_output=True, text=True, check=True, timeout=60
    )
    assert (ran.stdout, ran.stderr) == ("[]\n", "")


def test_a_side_too_long_is_refused(encode: Encode) -> None:
    file = encode(Image.new("1", (LONGEST_SIDE + 1, 1)), "PNG")
    with pytest.raises(InvalidImageError, match=r"^expected at most 65535 pixels a side, got 65536x1$"):
        opened(file, "PNG")


def test_a_file_of_another_format_than_announced_is_damaged(encode: Encode) -> None:
    with pytest.raises(InvalidImageError, match=r"^damaged PNG image"):
        opened(encode(Image.new("L", (2, 2)), "GIF"), "PNG")


@pytest.mark.parametrize("error", DAMAGE)
def test_whatever_pillow_raises_becomes_one_error_without_its_text(error: type[Exception]) -> None:
    with pytest.raises(InvalidImageError) as raised, damage_reported("GIF"):
        raise error("at 0x7f00 in /srv/file.py")
    assert str(raised.value) == "damaged GIF image: its pixels cannot be read"
    assert isinstance(raised.value.__cause__, error)


def test_a_jpeg_four_times_too_large_is_decoded_at_half_its_size(encode: Encode) -> None:
    image = opened(encode(Image.new("RGB", (403, 402)), "JPEG"))
    box = draft(image, size=(100, 100), box=(0, 0, 403, 402), gap=2.0)
    assert image.size == (202, 201)
    assert box == (0, 0, 201.5, 201)


def test_a_jpeg_less_than_four_times_too_large_is_decoded_in_full(encode: Encode) -> None:
    image = opened(encode(Image.new("RGB", (399, 399)), "JPEG"))
    assert draft(image, size=(100, 100), box=(0, 0, 399, 399), gap=2.0) == (0, 0, 399, 399)
    assert image.size == (399, 399)


def test_no_other_format_is_drafted(encode: Encode) -> None:
    image = Image.open(BytesIO(encode(Image.new("RGB", (400, 400)), "PNG")))
    assert draft(image, size=(10, 10), box=(0, 0, 400, 400), gap=2.0) == (0, 0, 400, 400)
    assert image.size == (400, 400)


def with_scans(count: int) -> bytes:
    return b"\xff\xd8" + SCAN * count + b"\xff\xd9"


@pytest.mark.parametrize(("count", "too_many"), [(1, False), (MAX_SCANS, False), (MAX_SCANS + 1, True)])
def test_the_scans_of_a_file_are_limited(count: int, too_many: bool) -> None:
    assert has_too_many_scans(with_scans(count)) is too_many


def test_scans_within_segments_and_behind_the_end_are_not_counted() -> None:
    metadata = b"\xff\xe1" + (2 + 3 * 200).to_bytes(2, "big") + b"\xff\xda\x00" * 200
    file = b"\xff\xd8" + metadata + SCAN + b"\xff\xd9" + b"\xff\xda" * 1000
    assert not has_too_many_scans(file)


@pytest.mark.parametrize("between", [b"\xff\x01", b"\xff\xd7", b"\xff\xff", b"\xff\x00", b"noise"])
def test_what_has_no_length_hides_no_scans_behind_it(between: bytes) -> None:
    assert has_too_many_scans(b"\xff\xd8" + (between + SCAN) * (MAX_SCANS + 1))


@pytest.mark.parametrize(
    ("frame", "channels_of_scan", "too_many"), [(0xC0, 3, False), (0xC0, 1, True), (0xC2, 3, True)]
)
def test_only_a_file_whose_channels_are_all_in_one_scan_is_not_walked(
    frame: int, channels_of_scan: int, too_many: bool
) -> None:
    header = bytes((0xFF, 0xD8, 0xFF, frame, 0, 17, 8, 0, 9, 0, 9, 3)) + bytes(9)
    scan = bytes((0xFF, 0xDA, 0, 12, channels_of_scan)) + bytes(9)
    assert has_too_many_scans(header + scan * (MAX_SCANS + 1)) is too_many


def test_a_length_that_leads_nowhere_ends_the_walk() -> None:
    assert not has_too_many_scans(b"\xff\xd8" + b"\xff\xe0\xff\xff" + b"\xff\xda" * 200)
    assert has_too_many_scans(b"\xff\xd8" + b"\xff\xda\x00\x00" * 200)


@pytest.mark.parametrize("parameters", [{}, {"progressive": True}])
def test_no_file_of_an_encoder_has_too_many(parameters: dict[str, bool], photo: Image.Image, encode: Encode) -> None:
    assert not has_too_many_scans(encode(photo, "JPEG", **parameters))
