from __future__ import annotations

import re
from pathlib import Path

import pytest

from local_server import repository
from local_server.paths import MODEL_REPOSITORY
from model_builds.catalogue import Model, Weights, catalogue

MODELS = catalogue()

every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def test_the_catalogue_has_the_three_variants() -> None:
    assert list(MODELS) == ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]


@every_model
def test_a_version_is_a_number_triton_takes(model: Model) -> None:
    assert model.version >= 1


@every_model
def test_mean_and_std_are_of_three_channels_scaled_to_one(model: Model) -> None:
    assert len(model.mean) == len(model.std) == 3
    assert all(0 < value < 1 for value in (*model.mean, *model.std))


@every_model
def test_the_expected_classes_are_imagenets_cats(model: Model) -> None:
    assert set(model.expected) <= {281, 282, 283, 284, 285}
    assert model.expected


@every_model
def test_weights_are_a_file_of_a_pinned_package_with_both_hashes(model: Model) -> None:
    weights = model.weights
    assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", weights.package)
    assert re.fullmatch(r"[0-9a-f]{64}", weights.package_sha256)
    assert re.fullmatch(r"[0-9a-f]{64}", weights.file_sha256)
    assert weights.file.endswith(f"-{weights.file_sha256[:8]}.pth")


@every_model
def test_a_model_has_a_folder_with_a_config_for_pictures_of_its_size(model: Model) -> None:
    config = repository.read_config(model.path(MODEL_REPOSITORY).parents[1])
    assert [list(tensor.dims) for tensor in config.input] == [[model.size, model.size, 3]]


def test_no_two_models_share_their_weights() -> None:
    assert len({model.weights.file_sha256 for model in MODELS.values()}) == len(MODELS)


def entry() -> Model:
    weights = {"package": "weights==1.0", "package_sha256": "a" * 64, "file": "w.pth", "file_sha256": "0123456789" * 6}
    numbers = {"version": 2, "size": 64, "width": 1.0, "depth": 1.0}
    return Model.of("net", {**numbers, "mean": [0.1] * 3, "std": [0.2] * 3, "expected": [281], "weights": weights})


def test_an_entry_says_where_its_file_belongs() -> None:
    assert entry().path(Path("repository")) == Path("repository/net_onnx/2/model.onnx")


def test_an_entry_says_what_its_answers_carry() -> None:
    assert entry().served_by == "net/2@01234567"


def test_an_entrys_weights_are_a_line_of_a_requirements_file() -> None:
    assert Weights("a==1", "ff", "w.pth", "00").requirement == "a==1 --hash=sha256:ff"
