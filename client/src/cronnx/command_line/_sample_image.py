"""A picture to measure with, where there is none at hand."""

from __future__ import annotations

import io

import numpy as np

_WIDTH, _HEIGHT = 500, 375  # the size of a usual photo of ImageNet


def sample_image() -> bytes:
    """Make a JPEG of 500 x 375 pixels, the same every time, with about as much detail as a photo has."""
    from PIL import Image  # takes a while, and is seldom wanted

    random = np.random.default_rng(0)
    picture = np.zeros((_HEIGHT, _WIDTH, 3))
    for cells in (4, 16, 64):  # coarse shapes are strong and fine ones weak
        coarse = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        picture += np.asarray(Image.fromarray(coarse).resize((_WIDTH, _HEIGHT), Image.Resampling.BICUBIC)) / cells
    picture += random.normal(0, 4, picture.shape)  # the grain of a sensor
    jpeg = io.BytesIO()
    Image.fromarray((picture * (255 / np.max(picture))).clip(0, 255).astype(np.uint8)).save(jpeg, "JPEG", quality=90)
    return jpeg.getvalue()
