from __future__ import annotations

from collections.abc import Callable

import pytest
from PIL import Image

from cronnx_preprocess.signature import image_format


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_each_accepted_format_is_told_by_its_first_bytes(name: str, encode: Callable[..., bytes]) -> None:
    assert image_format(encode(Image.new("RGB", (2, 2)), name)) == name


@pytest.mark.parametrize("start", [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"])
def test_tiff_and_bigtiff_of_both_byte_orders_are_tiff(start: bytes) -> None:
    assert image_format(start) == "TIFF"


@pytest.mark.parametrize("file", [b"", b"<!DOCTYPE", b"RIFF....WAVE", b"%PDF", b" \xff\xd8\xff"])
def test_anything_else_has_no_format(file: bytes) -> None:
    assert image_format(file) is None
