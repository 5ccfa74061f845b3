from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cronnx_preprocess import InvalidImageError
from cronnx_server.build_models.build import build
from cronnx_server.build_models.catalogue import Model
from cronnx_server.build_models.in_process import InProcessModel
from cronnx_server.paths import PICTURES


@pytest.fixture(scope="module")
def path(packaged: dict[str, Model], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(packaged["efficientnet_lite0"], repository=tmp_path_factory.mktemp("repository"))


@pytest.fixture
def lite0(path: Path) -> InProcessModel:
    return InProcessModel(path)


def test_a_batch_has_the_answers_of_its_images_in_order(lite0: InProcessModel) -> None:
    answer = lite0.answer([(PICTURES / f"{name}.jpg").read_bytes() for name in ("chelsea", "coffee", "rocket")])
    cat, coffee, rocket = answer["class_id"][:, 0]
    assert cat in (281, 282, 285)
    assert (coffee, rocket) == (967, 657)
    assert answer["label"][1, 0] == "espresso"


def test_a_model_is_the_same_from_its_file_and_from_its_content(path: Path, lite0: InProcessModel) -> None:
    images = [(PICTURES / "coffee.jpg").read_bytes()]
    content = InProcessModel(path.read_bytes())
    np.testing.assert_array_equal(lite0.answer(images)["logits"], content.answer(images)["logits"])


def test_a_file_that_is_no_image_is_refused(lite0: InProcessModel) -> None:
    with pytest.raises(InvalidImageError):
        lite0.answer([b"no image"])
