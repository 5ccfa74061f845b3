"""Each backend accepts the configurations of its models, and each graph is what its configuration says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import cronnx_onnxruntime.cores
import cronnx_preprocess.cores
from cronnx_onnxruntime.providers import CPU, CUDA, TENSORRT, providers
from cronnx_onnxruntime.settings import settings
from cronnx_onnxruntime.signature import Signature
from cronnx_preprocess import Options
from cronnx_server import environment
from cronnx_server.build_models.build import build
from cronnx_server.build_models.catalogue import Model, catalogue
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.model_spec import Task
from cronnx_server.paths import MODEL_REPOSITORY
from tests.contract import configs
from tests.unit.cronnx_server.build_models.twin_models import twin_models, zoo_mirror

every_onnx_config = pytest.mark.parametrize("path", configs.ONNX_MODELS, ids=configs.name)


@pytest.fixture(scope="module")
def built() -> set[str]:
    """The models that are there, once what is lacking and can be had was built."""
    with environment.setup_lock():
        return {f"{name}_onnx" for name in build_missing(None) if name in catalogue()}


@pytest.mark.parametrize("path", configs.PREPROCESS_MODELS, ids=configs.name)
def test_a_preprocess_model_loads(path: Path) -> None:
    Options.from_model_config(configs.triton_json(path))


def test_the_backends_count_cores_alike() -> None:
    # Each backend is a folder of its own for Triton, and cannot import another: they have the same module.
    ours, theirs = (Path(module.__file__).read_text() for module in (cronnx_onnxruntime.cores, cronnx_preprocess.cores))
    assert ours == theirs


@every_onnx_config
def test_every_parameter_of_an_onnx_model_is_one_that_onnx_runtime_takes(path: Path) -> None:
    settings(configs.triton_json(path)).session_options()


@every_onnx_config
def test_every_accelerator_of_an_onnx_model_is_used_where_there_is_a_gpu(path: Path) -> None:
    found = providers(configs.triton_json(path), kind="GPU", device_id=0, available=[TENSORRT, CUDA, CPU])
    assert found.warning is None
    assert list(found.options)[-2:] == [CUDA, CPU]


def check_against_config(graph: Path, path: Path) -> None:
    config, signature = configs.triton_json(path), Signature.of(onnxruntime.InferenceSession(str(graph)))
    signature.check(config)
    assert [tensor["name"] for tensor in config["output"]] == [tensor.name for tensor in signature.outputs]


@every_onnx_config
def test_every_version_that_is_built_is_what_its_config_says(path: Path, built: set[str]) -> None:
    versions = list(configs.folder(path).glob("*/model.onnx"))
    assert versions or configs.folder(path).name not in built
    for version in versions:
        check_against_config(version, path)


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet50"])
def test_a_network_of_the_zoo_becomes_what_its_config_says(name: str, tmp_path: Path) -> None:
    with zoo_mirror() as zoo:
        model = twin_models(zoo)[name]
        for version in model.versions:
            graph = build(model, version, repository=tmp_path, weights=tmp_path / "weights")
            check_against_config(graph, configs.MODELS[f"{name}_onnx"])


@pytest.mark.parametrize("model", catalogue().values(), ids=catalogue())
@pytest.mark.usefixtures("built")
def test_an_answer_says_the_model_the_version_and_the_weights_it_is_of(model: Model) -> None:
    inputs = {"pixels": np.zeros((2, model.height, model.width, 3), np.uint8)}
    if model.task == Task.DETECTION:
        inputs["geometry"] = np.array([[model.width, model.height, 1, 1, 0, 0]] * 2, np.float32)
    for version in model.versions:
        path = model.path(MODEL_REPOSITORY, version)
        if path.exists():
            (served_by,) = onnxruntime.InferenceSession(str(path)).run(["served_by"], inputs)
            sha256 = model.weights(version).sha256
            assert served_by.tolist() == [[f"{model.name}/{path.parent.name}@{sha256[:8]}"]] * 2
