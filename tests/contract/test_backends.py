"""That a backend takes each of its models' configurations, and that a graph is what its configuration says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from cronnx_onnxruntime.providers import CPU, CUDA, TENSORRT, providers
from cronnx_onnxruntime.settings import settings
from cronnx_onnxruntime.signature import Signature
from cronnx_preprocess import Options
from local_server import environment
from local_server.paths import MODEL_REPOSITORY
from model_builds.catalogue import Model, catalogue
from model_builds.ready import ready
from tests.contract import configs

every_onnx_config = pytest.mark.parametrize("path", configs.ONNX_MODELS, ids=configs.name)


@pytest.fixture(scope="module")
def built() -> None:
    """Every graph of the catalogue; what is lacking is built."""
    with environment.alone():
        ready([f"{name}_onnx" for name in catalogue()])


@pytest.mark.parametrize("path", configs.PREPROCESS_MODELS, ids=configs.name)
def test_a_preprocess_model_loads(path: Path) -> None:
    Options.from_model_config(configs.triton_json(path))


@every_onnx_config
def test_every_parameter_of_an_onnx_model_is_one_that_onnx_runtime_takes(path: Path) -> None:
    settings(configs.triton_json(path)).session_options()


@every_onnx_config
def test_every_accelerator_of_an_onnx_model_is_used_where_there_is_a_gpu(path: Path) -> None:
    found = providers(configs.triton_json(path), kind="GPU", device_id=0, available=[TENSORRT, CUDA, CPU])
    assert found.warning is None
    assert list(found.options)[-2:] == [CUDA, CPU]


@every_onnx_config
@pytest.mark.usefixtures("built")
def test_every_version_of_an_onnx_model_is_what_its_config_says(path: Path) -> None:
    config, versions = configs.triton_json(path), list(configs.folder(path).glob("*/model.onnx"))
    assert versions
    for version in versions:
        signature = Signature.of(onnxruntime.InferenceSession(str(version)))
        signature.check(config)
        assert [tensor["name"] for tensor in config["output"]] == [tensor.name for tensor in signature.outputs]


@pytest.mark.parametrize("model", catalogue().values(), ids=catalogue())
@pytest.mark.usefixtures("built")
def test_an_answer_says_the_model_the_version_and_the_weights_it_is_of(model: Model) -> None:
    path = model.path(MODEL_REPOSITORY)
    pixels = np.zeros((2, model.size, model.size, 3), np.uint8)
    (served_by,) = onnxruntime.InferenceSession(str(path)).run(["served_by"], {"pixels": pixels})
    assert served_by.tolist() == [[f"{model.name}/{path.parent.name}@{model.weights.file_sha256[:8]}"]] * 2
