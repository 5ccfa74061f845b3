from __future__ import annotations

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from cronnx_preprocess.orientation import stored_box, turn_size, turn_upright

ORIENTATIONS = range(1, 9)


@pytest.fixture
def stored(photo: Image.Image) -> Image.Image:
    return photo.resize((40, 30))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_turning_upright_is_what_pillow_does(orientation: int, stored: Image.Image) -> None:
    stored.getexif()[ExifTags.Base.Orientation] = orientation
    upright = ImageOps.exif_transpose(stored)
    assert turn_upright(stored, orientation).tobytes() == upright.tobytes()
    assert turn_size(stored.size, orientation) == upright.size


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_stored_box_shows_what_the_upright_box_shows(orientation: int, stored: Image.Image) -> None:
    box = (3, 5, 20, 28)
    expected = turn_upright(stored, orientation).crop(box)
    left, top, right, bottom = (round(edge) for edge in stored_box(box, orientation, stored=stored.size))
    cropped = turn_upright(stored.crop((left, top, right, bottom)), orientation)
    np.testing.assert_array_equal(np.asarray(cropped), np.asarray(expected))
