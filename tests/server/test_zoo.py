"""A real server of the models of the ONNX model zoo, made from twins."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cronnx import Client
from cronnx_server.build_models.build import CAT, build
from cronnx_server.build_models.catalogue import Model
from cronnx_server.build_models.in_process import InProcessModel
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY
from cronnx_server.serve.addresses import Addresses
from tests.server.triton import running
from tests.unit.cronnx_server.build_models.twin_models import twin_models, zoo_mirror

MODELS = ("mobilenet_v2", "resnet50")

every_model = pytest.mark.parametrize("name", MODELS)


@dataclass(frozen=True)
class Zoo:
    addresses: Addresses
    models: dict[str, Model]
    model_repository: Path


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    folder = tmp_path_factory.mktemp("zoo")
    model_repository, ensembles = folder / "model_repository", folder / "ensembles"
    for name in (*(f"{name}_onnx" for name in MODELS), "preprocess_224"):
        shutil.copytree(MODEL_REPOSITORY / name, model_repository / name, ignore=shutil.ignore_patterns("*.onnx"))
    for name in MODELS:
        shutil.copytree(ENSEMBLES / name, ensembles / name)
    with zoo_mirror() as mirror:
        models = twin_models(mirror)
        for model in models.values():
            for version in model.versions:
                build(model, version, repository=model_repository, weights=folder / "weights")
    with running([model_repository, ensembles]) as addresses:
        yield Zoo(addresses, models, model_repository)


@every_model
def test_every_version_is_loaded(zoo: Zoo, name: str) -> None:
    for version in zoo.models[name].versions:
        url = f"{zoo.addresses.http}/v2/models/{name}_onnx/versions/{version}/ready"
        assert urllib.request.urlopen(url).status == 200


@every_model
def test_the_ensemble_is_answered_by_version_1_as_in_process(zoo: Zoo, name: str) -> None:
    model = zoo.models[name]
    expected = InProcessModel(model.path(zoo.model_repository)).answer([CAT.read_bytes()])
    with Client(zoo.addresses.grpc) as client:
        answer = client.classify(CAT, model_name=name)
    assert answer.served_by == model.served_by(1)
    assert [each.class_id for each in answer.top] == expected["class_id"][0].tolist()


@every_model
def test_the_largest_batch_of_the_catalogue_is_answered(zoo: Zoo, name: str) -> None:
    images = [CAT] * zoo.models[name].max_batch_size
    with Client(zoo.addresses.grpc) as client:
        answers = client.classify(images, model_name=name)
    assert {answer.class_id for answer in answers} == {zoo.models[name].expected[0]}
