from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PIL import ExifTags, Image

from cronnx_preprocess.errors import InvalidImageError
from cronnx_preprocess.formats.jpeg import MAX_SCANS, MAX_SEGMENTS, MAX_TABLE_BYTES, count_scans, read

Encode = Callable[..., bytes]
SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x12\xff\x00\xff\xd0\x34"
COMMENT = b"\xff\xfe\x00\x05abc"


@pytest.fixture(scope="module")
def plain(photo: Image.Image, encode: Encode) -> bytes:
    return encode(photo, "JPEG")


def with_more(file: bytes, more: bytes) -> bytes:
    return file[:2] + more + file[2:]


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (2 + len(body)).to_bytes(2, "big") + body


@pytest.mark.parametrize(
    "more", [COMMENT, segment(0xE1, b"Exif\0\0" + bytes(2000)), segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(500))]
)
def test_metadata_stay_out_of_pillows_file(more: bytes, plain: bytes) -> None:
    assert read(with_more(plain, more * (MAX_SEGMENTS - 50))) == read(plain)
    assert read(plain).file == plain


def test_the_orientation_comes_from_exif_or_else_from_xmp(photo: Image.Image, encode: Encode) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    xmp = segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="8"/>')
    assert read(with_more(encode(photo, "JPEG"), xmp)).orientation == 8
    assert read(with_more(encode(photo, "JPEG", exif=exif), xmp)).orientation == 6


def test_a_plain_jpeg_is_one_that_every_decoder_reads_alike(photo: Image.Image, plain: bytes, encode: Encode) -> None:
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        assert read(encode(photo, "JPEG", subsampling=subsampling)).is_plain
    adobe = b"Adobe\0\x64\0\0\0\0"
    assert read(with_more(plain, segment(0xEE, adobe + b"\1"))).is_plain
    others = {
        "grey": encode(photo.convert("L"), "JPEG"),
        "CMYK": encode(photo.convert("CMYK"), "JPEG"),
        "RGB by its names": encode(photo, "JPEG", keep_rgb=True),
        "RGB by Adobe's segment": with_more(plain, segment(0xEE, adobe + b"\0")),
        "a short segment of Adobe": with_more(plain, segment(0xEE, b"Adobe")),
        "progressive": encode(photo, "JPEG", progressive=True),
        "4:1:1": plain.replace(b"\1\x22\0", b"\1\x41\0", 1),
        "without its end": plain[:-2],
        "more after its end": plain + b"\0",
    }
    assert [name for name, file in others.items() if read(file).is_plain] == []


def test_segments_without_end_are_refused(plain: bytes) -> None:
    with pytest.raises(InvalidImageError, match=r"^expected a JPEG with at most 1000 segments before its pixels"):
        read(with_more(plain, COMMENT * MAX_SEGMENTS))


def test_tables_without_end_are_refused(plain: bytes) -> None:
    tables = segment(0xDB, (b"\0" + b"\1" * 64) * 1000)
    with pytest.raises(InvalidImageError, match=r"^expected a JPEG with at most 131072 bytes of tables"):
        read(with_more(plain, tables * (1 + MAX_TABLE_BYTES // len(tables))))


def test_junk_without_end_is_refused(plain: bytes) -> None:
    assert read(with_more(plain, b"\xff\x00" * 1000)).size == (320, 240)
    with pytest.raises(InvalidImageError, match=r"^truncated JPEG"):
        read(with_more(plain, b"\xff\x00" * 100_000))


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (1, 0xC3, "a lossless JPEG"),
        (1, 0xC9, "an arithmetic-coded JPEG"),
        (1, 0xC5, "a hierarchical JPEG"),
        (4, 12, "a JPEG of 3 channels of 12 bits"),
        (9, 200, "a JPEG of 200 channels of 8 bits"),
    ],
)
def test_variants_are_refused_by_name(offset: int, value: int, message: str, plain: bytes) -> None:
    changed = bytearray(plain)
    changed[plain.index(b"\xff\xc0") + offset] = value
    with pytest.raises(InvalidImageError, match=f"^{message} is not supported"):
        read(bytes(changed))


def test_two_frames_are_damage(plain: bytes) -> None:
    start = plain.index(b"\xff\xc0")
    with pytest.raises(InvalidImageError, match=r"^damaged JPEG"):
        read(with_more(plain, plain[start : start + 19]))


@pytest.mark.parametrize(
    ("parameters", "extra"), [({}, 1), ({"progressive": True}, 3), ({"progressive": True, "subsampling": 0}, 6)]
)
def test_a_picture_of_several_scans_costs_more(
    parameters: dict[str, Any], extra: float, photo: Image.Image, encode: Encode
) -> None:
    assert read(encode(photo, "JPEG", **parameters)).fixed_bytes_per_pixel == pytest.approx(extra)


def progressive(scans: int, photo: Image.Image, encode: Encode) -> bytes:
    file = encode(photo, "JPEG", progressive=True)
    return file[: file.index(b"\xff\xda")] + SCAN * scans + b"\xff\xd9"


def test_the_scans_are_limited(photo: Image.Image, encode: Encode) -> None:
    assert read(progressive(MAX_SCANS, photo, encode)).fixed_bytes_per_pixel == 3 + 0.25 * (MAX_SCANS - 12)
    with pytest.raises(InvalidImageError, match=r"^expected a JPEG with at most 100 scans, got more"):
        read(progressive(MAX_SCANS + 1, photo, encode))


@pytest.mark.parametrize("between", [segment(0xE1, b""), segment(0xFE, b"a"), b"\xff\xe1\x00\x00"])
def test_segments_between_scans_are_limited(between: bytes) -> None:
    with pytest.raises(InvalidImageError, match=r"^expected a JPEG with at most 1000 segments from its first scan on"):
        count_scans(SCAN + between * MAX_SEGMENTS, 0)


def test_scans_within_segments_and_behind_the_end_are_not_counted() -> None:
    metadata = segment(0xE1, b"\xff\xda\x00" * 200)
    assert count_scans(metadata + SCAN + b"\xff\xd9" + b"\xff\xda" * 1000, 0) == 1


@pytest.mark.parametrize("between", [b"\xff\x01", b"\xff\xd7", b"\xff\xff", b"\xff\x00", b"noise"])
def test_what_has_no_length_hides_no_scans_behind_it(between: bytes) -> None:
    assert count_scans((between + SCAN) * 20, 0) == 20


def test_a_length_that_leads_nowhere_ends_the_count() -> None:
    assert count_scans(b"\xff\xe0\xff\xff" + b"\xff\xda" * 200, 0) == 0
    assert count_scans(b"\xff\xda\x00\x00" * 200, 0) == MAX_SCANS + 1
