from __future__ import annotations

import struct

import pytest
from PIL import ExifTags, Image

from cronnx_preprocess.formats.exif import exif_orientation, xmp_orientation


def with_orientation(kind: int, count: int, value: int, *, order: str = "<") -> bytes:
    head = b"II*\0" if order == "<" else b"MM\0*"
    code = "H2x" if kind == 3 else "I"
    return head + struct.pack(f"{order}IHHHI{code}I", 8, 1, 0x0112, kind, count, value, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_pillow_writes_is_read(orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "a camera"
    exif[ExifTags.Base.Orientation] = orientation
    assert exif_orientation(exif.tobytes()) == orientation


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0", b"Exif\0\0Exif\0\0"])
def test_both_byte_orders_types_and_prefixes_are_read(order: str, kind: int, prefix: bytes) -> None:
    assert exif_orientation(prefix + with_orientation(kind, 1, 6, order=order)) == 6


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"Exif\0\0no TIFF header",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff",
        with_orientation(3, 1, 0),
        with_orientation(3, 1, 9),
        with_orientation(3, 2, 6),
        with_orientation(2, 4, 6),
    ],
)
def test_an_orientation_that_makes_no_sense_is_none(exif: bytes) -> None:
    assert exif_orientation(exif) is None


def test_xmp_has_it_as_an_attribute_or_as_an_element() -> None:
    assert xmp_orientation(b'<rdf:Description tiff:Orientation="6"/>') == 6
    assert xmp_orientation(b"<tiff:Orientation>8</tiff:Orientation>") == 8
    assert xmp_orientation(b'<rdf:Description tiff:Orientation="9"/>') is None
