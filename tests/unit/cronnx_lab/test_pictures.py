from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from cronnx_lab import pictures


@pytest.mark.parametrize("name", pictures.SIZES)
def test_a_set_has_a_jpeg_of_that_size_of_each_photograph(name: str, tmp_path: Path) -> None:
    made = pictures.make(name, tmp_path)
    assert [path.stem.split("-")[0] for path in made.paths] == ["chelsea", "coffee", "rocket"]
    for path in made.paths:
        with Image.open(path) as image:
            assert (image.format, image.size) == ("JPEG", pictures.SIZES[name])


def test_a_large_picture_is_as_rich_in_detail_as_a_cameras(tmp_path: Path) -> None:
    """Cameras write about 2 bits a pixel at this quality; one enlarged smoothly would have a tenth of that."""
    sizes = [len(content) for content in pictures.make("12mp", tmp_path).contents()]
    assert all(size > 1_000_000 for size in sizes), sizes


def test_a_varied_set_has_every_format_in_every_size(tmp_path: Path) -> None:
    seen = set()
    for path in pictures.make(pictures.VARIED, tmp_path).paths:
        with Image.open(path) as image:
            seen.add((image.format, image.size))
    formats = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
    assert seen == {(name, size) for name in formats for size in pictures.VARIED_SIZES}


def test_a_folder_without_images_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("none")
    with pytest.raises(FileNotFoundError, match=f"expected images in {tmp_path}, got none"):
        pictures.read_folder(tmp_path)
