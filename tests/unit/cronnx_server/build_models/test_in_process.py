from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cronnx_preprocess import InvalidImageError
from cronnx_server.build_models.build import build
from cronnx_server.build_models.catalogue import Model
from cronnx_server.build_models.in_process import InProcess
from cronnx_server.paths import PICTURES


@pytest.fixture
def lite0(model: Model, tmp_path: Path) -> InProcess:
    return InProcess(build(model, repository=tmp_path), size=model.size)


def test_a_batch_has_the_answers_of_its_pictures_in_order(lite0: InProcess) -> None:
    answer = lite0.classify([(PICTURES / f"{name}.jpg").read_bytes() for name in ("chelsea", "coffee", "rocket")])
    cat, coffee, rocket = answer["class_id"][:, 0]
    assert cat in (281, 282, 285)
    assert (coffee, rocket) == (967, 657)
    assert answer["label"][1, 0] == "espresso"


def test_a_model_is_the_same_from_its_file_and_from_its_content(model: Model, tmp_path: Path) -> None:
    path = build(model, repository=tmp_path)
    image = (PICTURES / "coffee.jpg").read_bytes()
    found = [InProcess(content, size=model.size).classify([image])["logits"] for content in (path, path.read_bytes())]
    np.testing.assert_array_equal(*found)


def test_a_file_that_is_no_image_is_refused(lite0: InProcess) -> None:
    with pytest.raises(InvalidImageError):
        lite0.classify([b"no image"])
