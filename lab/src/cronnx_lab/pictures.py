"""Sets of JPEG pictures of one size, made from the project's freely licensed photographs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from cronnx_server.paths import PICTURES

QUALITY = 90
SIZES = {"vga": (640, 480), "tiny": (96, 72), "12mp": (4000, 3000)}
MAIN, LARGE = "vga", "12mp"

# A larger factor would blur the picture, and its file would be far smaller than a camera's.
LARGEST_ENLARGEMENT = 2


@dataclass(frozen=True)
class PictureSet:
    """JPEG files of one size.

    Attributes:
        name: A key of `SIZES`.
        paths: The files.
    """

    name: str
    paths: tuple[Path, ...]

    def contents(self) -> list[bytes]:
        """The content of each file."""
        return [path.read_bytes() for path in self.paths]


def make(name: str, folder: Path) -> PictureSet:
    """Write one picture of each photograph.

    Args:
        name: The size, a key of `SIZES`.
        folder: Receives a folder of that name, which must not exist.
    """
    target = folder / name
    target.mkdir(parents=True)
    paths = []
    for source in sorted(PICTURES.glob("*.jpg")):
        with Image.open(source) as photograph:
            filled(photograph, SIZES[name]).save(target / source.name, quality=QUALITY)
        paths.append(target / source.name)
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
