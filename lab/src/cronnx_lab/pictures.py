"""Sets of pictures of one size, made from the project's freely licensed photographs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from cronnx_server.paths import PICTURES

QUALITY = 90
SIZES = {"vga": (640, 480), "tiny": (96, 72), "12mp": (4000, 3000)}
MAIN, LARGE = "vga", "12mp"

# An enlargement by more would leave a large picture smooth, and its file a fraction of what a camera writes.
LARGEST_ENLARGEMENT = 2


@dataclass(frozen=True)
class PictureSet:
    """JPEG files of one size."""

    name: str
    paths: tuple[Path, ...]

    def contents(self) -> list[bytes]:
        """The files' bytes."""
        return [path.read_bytes() for path in self.paths]


def make(name: str, folder: Path) -> PictureSet:
    """Write the pictures of a size of `SIZES` into `folder`, one of each photograph."""
    target = folder / name
    target.mkdir(parents=True)
    paths = []
    for source in sorted(PICTURES.glob("*.jpg")):
        with Image.open(source) as photograph:
            filled(photograph, SIZES[name]).save(target / source.name, quality=QUALITY)
        paths.append(target / source.name)
    return PictureSet(name, tuple(paths))


def filled(photograph: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The photograph at `size`: resized where that keeps its detail, else enlarged a little and tiled."""
    factor = max(size[0] / photograph.width, size[1] / photograph.height)
    if factor <= LARGEST_ENLARGEMENT:
        return photograph.resize(size, Image.Resampling.BICUBIC)
    tile = photograph.resize((photograph.width * LARGEST_ENLARGEMENT, photograph.height * LARGEST_ENLARGEMENT))
    canvas = Image.new("RGB", size)
    for left in range(0, size[0], tile.width):
        for top in range(0, size[1], tile.height):
            canvas.paste(tile, (left, top))
    return canvas
