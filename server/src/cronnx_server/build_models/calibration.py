"""The pictures by which a network's value ranges are measured before it is quantised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

SCALES = (1.0, 0.6)  # of a picture's shorter side


def views(pictures: Iterable[Path], *, size: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Large and small squares in the corners of each picture, plain and mirrored.

    Args:
        pictures: image files.
        size: height and width in pixels.

    Yields:
        One picture's squares: UINT8 [batch, size, size, 3], RGB.
    """
    for path in pictures:
        with Image.open(path) as image:
            squares = np.stack([np.asarray(square) for square in _squares(image.convert("RGB"), size)])
        yield np.concatenate([squares, squares[:, :, ::-1]])


def _squares(image: Image.Image, size: int) -> Iterator[Image.Image]:
    for scale in SCALES:
        side = int(scale * min(image.size))
        for left in sorted({0, image.width - side}):
            for top in sorted({0, image.height - side}):
                box = (left, top, left + side, top + side)
                yield image.crop(box).resize((size, size), Image.Resampling.BICUBIC)
