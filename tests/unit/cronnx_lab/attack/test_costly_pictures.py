"""The costly pictures are what their names say: files of one format within the limit for a file."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from cronnx_lab.attack import costly_pictures
from cronnx_lab.fuzz.images import webp_of_one_colour

FILES = {
    "BMP": lambda: costly_pictures.bmp_of_runs(),
    "JPEG": lambda: costly_pictures.jpeg_of_segments(costly_pictures.exif_segment(), 100),
    "GIF": lambda: costly_pictures.gif_of_comments(100),
    "TIFF": lambda: costly_pictures.tiff_of_tiles(10),
    "WEBP": lambda: webp_of_one_colour(7071, 7071),
}


@pytest.mark.parametrize("name", FILES)
def test_a_costly_picture_is_a_small_file_of_its_format(name: str) -> None:
    content = FILES[name]()
    assert len(content) < 10_000
    with Image.open(BytesIO(content)) as image:
        assert image.format == name
