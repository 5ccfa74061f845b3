from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path

import pytest

from cronnx_server import repository
from cronnx_server.build_models.catalogue import (
    EfficientNetLite,
    Model,
    OnnxFile,
    PackagedFile,
    Quantised,
    WebFile,
    catalogue,
)
from cronnx_server.build_models.download import MIRROR_VARIABLE
from cronnx_server.errors import DownloadError
from cronnx_server.exports.label_sets import LABEL_SETS
from cronnx_server.model_spec import Task
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, WEIGHTS
from tests.unit.cronnx_server.build_models.mirror_server import mirror_of
from tests.unit.cronnx_server.build_models.zoo_twins import TWINS

MODELS = catalogue()
CLASSIFIERS = {name: model for name, model in MODELS.items() if model.task == Task.CLASSIFICATION}
VERSIONS = [(model, version) for model in MODELS.values() for version in model.versions]

every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
every_version = pytest.mark.parametrize(
    ("model", "version"), VERSIONS, ids=[f"{model.name}/{version}" for model, version in VERSIONS]
)


def test_the_catalogue_has_every_model() -> None:
    efficientnets = ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]
    assert list(MODELS) == [*efficientnets, "mobilenet_v2", "resnet50", "document_layout"]


@every_model
def test_versions_are_numbered_from_one(model: Model) -> None:
    assert list(model.versions) == list(range(1, 1 + len(model.versions)))


@every_model
def test_mean_and_std_are_of_three_channels_scaled_to_one(model: Model) -> None:
    assert len(model.mean) == len(model.std) == 3
    assert all(0 < value < 1 for value in (*model.mean, *model.std))


@pytest.mark.parametrize("model", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_the_expected_classes_of_a_classifier_are_imagenets_cats(model: Model) -> None:
    assert set(model.expected) <= {281, 282, 283, 284, 285}
    assert model.expected
    assert model.labels in LABEL_SETS


def test_the_detector_takes_the_channels_as_it_was_trained_and_has_a_label_for_each_expected_class() -> None:
    model = MODELS["document_layout"]
    spec = model.spec(image="image", outputs=("boxes", "scores"))
    assert spec.task == Task.DETECTION
    assert spec.input.channel_order == "BGR"
    assert (spec.recipe.height, spec.recipe.width, spec.recipe.resize) == (800, 608, "exact")
    assert [spec.labels[class_id] for class_id in model.expected] == ["text", "title", "figure"]
    assert (spec.confidence, spec.iou, spec.max_detections) == (0.4, 0.5, 100)


@every_version
def test_weights_are_pinned_by_their_hashes(model: Model, version: int) -> None:
    weights = model.weights(version)
    assert re.fullmatch(r"[0-9a-f]{64}", weights.sha256)
    if isinstance(weights, PackagedFile):
        assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", weights.package)
        assert re.fullmatch(r"[0-9a-f]{64}", weights.package_sha256)
        name = Path(weights.file).name
        assert name == "layout_cdla.onnx" or name.endswith(f"-{weights.sha256[:8]}.pth")


@every_version
def test_a_file_on_the_web_has_two_mirrors_that_end_in_its_name_and_a_twin_in_the_tests(
    model: Model, version: int
) -> None:
    weights = model.weights(version)
    if isinstance(weights, WebFile):
        hosts = [re.fullmatch(rf"https://([^/]+)/.+/{re.escape(weights.file)}", url) for url in weights.urls]
        assert [host and host[1] for host in hosts] == ["github.com", "huggingface.co"]
        assert weights.size_bytes > 10e6
        assert weights.file in TWINS


@every_model
def test_a_model_has_a_folder_and_an_ensemble(model: Model) -> None:
    assert f"{model.name}_onnx" in repository.models(MODEL_REPOSITORY)
    assert model.name in repository.models(ENSEMBLES)


def test_no_two_models_share_their_weights() -> None:
    owners = {(model.weights(version).sha256, model.name) for model, version in VERSIONS}
    assert len(owners) == len({sha256 for sha256, _ in owners})


COMMON = {
    "size": 64,
    "mean": [0.1] * 3,
    "std": [0.2] * 3,
    "labels": "imagenet",
    "max_batch_size": 8,
    "max_queue_delay_microseconds": 9,
    "expected": [281],
}
PACKAGED = {"package": "weights==1.0", "package_sha256": "a" * 64, "file": "w.pth", "sha256": "0123456789" * 6}
ON_THE_WEB = {"file": "w.onnx", "size_bytes": 7, "sha256": "9876543210" * 6, "urls": ["https://web/w.onnx"]}


@pytest.fixture
def entry() -> Model:
    return Model.of(
        "net",
        {**COMMON, "versions": {"1": {**PACKAGED, "width": 1.1, "depth": 1.2}, "2": ON_THE_WEB, "3": {"quantises": 2}}},
    )


def test_an_entrys_versions_are_of_the_kinds_that_their_fields_make_them(entry: Model) -> None:
    assert entry.versions == {
        1: EfficientNetLite(PackagedFile("weights==1.0", "a" * 64, "w.pth", "0123456789" * 6), 1.1, 1.2),
        2: OnnxFile(WebFile("w.onnx", 7, "9876543210" * 6, ("https://web/w.onnx",))),
        3: Quantised(OnnxFile(WebFile("w.onnx", 7, "9876543210" * 6, ("https://web/w.onnx",)))),
    }


def test_an_entry_says_where_its_files_belong(entry: Model) -> None:
    assert entry.path(Path("repository")) == Path("repository/net_onnx/1/model.onnx")
    assert entry.path(Path("repository"), 2) == Path("repository/net_onnx/2/model.onnx")


def test_an_entry_says_what_its_answers_carry(entry: Model) -> None:
    assert [entry.served_by(version) for version in entry.versions] == [
        "net/1@01234567",
        "net/2@98765432",
        "net/3@98765432",
    ]


CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def packaged_file(model: Model) -> PackagedFile:
    weights = model.weights()
    assert isinstance(weights, PackagedFile)
    return weights


def test_a_packaged_file_is_the_one_of_the_catalogue(packaged_file: PackagedFile) -> None:
    assert packaged_file.fetch(WEIGHTS).name == Path(packaged_file.file).name


def test_a_packaged_file_of_another_hash_is_refused(packaged_file: PackagedFile) -> None:
    other = dataclasses.replace(packaged_file, sha256="0" * 64)
    with pytest.raises(DownloadError, match=f"expected SHA-256 0000.*, got {packaged_file.sha256}; delete .* again"):
        other.fetch(WEIGHTS)


def test_a_file_that_its_package_lacks_is_refused_by_name(packaged_file: PackagedFile) -> None:
    with pytest.raises(DownloadError, match=r"absent\.pth: expected SHA-256 .*, got no file"):
        dataclasses.replace(packaged_file, file="absent.pth").fetch(WEIGHTS)


def test_a_package_is_a_line_of_a_requirements_file() -> None:
    assert PackagedFile("a==1", "ff", "w.pth", "00").requirement == "a==1 --hash=sha256:ff"


def test_a_web_file_is_fetched_once(tmp_path: Path) -> None:
    with mirror_of({"w.onnx": CONTENT}) as mirror:
        file = WebFile("w.onnx", len(CONTENT), SHA256, (f"{mirror.url}/w.onnx",))
        for _ in range(2):
            assert file.fetch(tmp_path).read_bytes() == CONTENT
    assert len(mirror.asked) == 1


def test_a_web_file_that_is_not_what_it_was_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "w.onnx").write_bytes(b"thgiews")
    with mirror_of({"w.onnx": CONTENT}) as mirror:
        file = WebFile("w.onnx", len(CONTENT), SHA256, (f"{mirror.url}/w.onnx",))
        assert file.fetch(tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("address", ["http://inside/folder", "http://inside/folder/"])
def test_a_mirror_of_the_operator_is_tried_before_the_web(address: str) -> None:
    file = WebFile("w.onnx", len(CONTENT), SHA256, ("https://web/far/w.onnx",))
    assert file.mirrors({MIRROR_VARIABLE: address}) == ("http://inside/folder/w.onnx", "https://web/far/w.onnx")


@pytest.mark.parametrize("environment", [{}, {MIRROR_VARIABLE: ""}])
def test_without_such_a_mirror_the_web_is_tried(environment: dict[str, str]) -> None:
    file = WebFile("w.onnx", len(CONTENT), SHA256, ("https://web/far/w.onnx",))
    assert file.mirrors(environment) == file.urls
