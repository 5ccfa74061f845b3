"""Sets of pictures, made from the project's freely licensed photographs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from cronnx_server.paths import PICTURES

QUALITY = 90
SIZES = {"vga": (640, 480), "tiny": (96, 72), "12mp": (4000, 3000)}
MAIN, LARGE = "vga", "12mp"

VARIED = "varied"
VARIED_SIZES = ((48, 36), (96, 72), (120, 160), (320, 240))
VARIED_SUFFIXES = ("jpg", "png", "webp", "gif", "bmp", "tif")

SETS = (*SIZES, VARIED)

# A larger factor would blur the picture, and its file would be far smaller than a camera's.
LARGEST_ENLARGEMENT = 2


@dataclass(frozen=True)
class PictureSet:
    """JPEG files of one size, or files of several sizes and formats.

    Attributes:
        name: One of `SETS`.
        paths: The files.
    """

    name: str
    paths: tuple[Path, ...]

    def contents(self) -> list[bytes]:
        """The content of each file."""
        return [path.read_bytes() for path in self.paths]


def make(name: str, folder: Path) -> PictureSet:
    """Write a JPEG of each photograph, or for `VARIED` one file for each photograph, size and format.

    Args:
        name: One of `SETS`.
        folder: Receives a folder of that name, which must not exist.
    """
    target = folder / name
    target.mkdir(parents=True)
    sizes, suffixes = (VARIED_SIZES, VARIED_SUFFIXES) if name == VARIED else ((SIZES[name],), ("jpg",))
    paths = []
    for source, size in itertools.product(sorted(PICTURES.glob("*.jpg")), sizes):
        with Image.open(source) as photograph:
            picture = filled(photograph, size)
        for suffix in suffixes:
            paths.append(target / f"{source.stem}-{size[0]}x{size[1]}.{suffix}")
            picture.save(paths[-1], quality=QUALITY)
    return PictureSet(name, tuple(paths))


def filled(photograph: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize the photograph to `size`; where that would blur it, enlarge it less and tile it instead."""
    factor = max(size[0] / photograph.width, size[1] / photograph.height)
    if factor <= LARGEST_ENLARGEMENT:
        return photograph.resize(size, Image.Resampling.BICUBIC)
    tile = photograph.resize((photograph.width * LARGEST_ENLARGEMENT, photograph.height * LARGEST_ENLARGEMENT))
    canvas = Image.new("RGB", size)
    for left in range(0, size[0], tile.width):
        for top in range(0, size[1], tile.height):
            canvas.paste(tile, (left, top))
    return canvas


def read_folder(folder: Path) -> list[bytes]:
    """Read the image files of a folder.

    Raises:
        OSError: A file cannot be read, or the folder has none.
    """
    files = [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file() and path.suffix != ".md"]
    if not files:
        raise FileNotFoundError(f"expected images in {folder}, got none")
    return files
