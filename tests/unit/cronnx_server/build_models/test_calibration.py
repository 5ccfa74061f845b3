from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cronnx_server.build_models.calibration import views
from cronnx_server.paths import PICTURES


@pytest.mark.parametrize(("width", "height", "squares"), [(90, 60, 6), (60, 90, 6), (60, 60, 5)])
def test_a_picture_gives_its_large_and_small_squares_and_their_mirror_images(
    width: int, height: int, squares: int, tmp_path: Path
) -> None:
    path = tmp_path / "noise.png"
    noise = np.random.default_rng(seed=5).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(noise).save(path)
    (found,) = views([path], size=36)
    assert found.shape == (2 * squares, 36, 36, 3)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[squares:], found[:squares, :, ::-1])
    assert len({view.tobytes() for view in found}) == 2 * squares


def test_the_corners_are_the_pictures_own(tmp_path: Path) -> None:
    path = tmp_path / "corners.png"
    Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2).repeat(50, 0).repeat(50, 1)).save(path)
    (found,) = views([path], size=20)
    assert [int(view[10, 10, 0]) for view in found[1:5]] == [0, 2, 1, 3]


def test_every_picture_of_the_project_has_its_views() -> None:
    found = list(views(sorted(PICTURES.glob("*.jpg")), size=224))
    assert [batch.shape[1:] for batch in found] == [(224, 224, 3)] * 3
