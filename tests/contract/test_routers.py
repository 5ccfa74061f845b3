"""Each router accepts its configuration and fits the models that it calls."""

from __future__ import annotations

from pathlib import Path

import pytest
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelInput, ModelOutput

from cronnx_router import USER_ID, Options
from cronnx_server.build_models.catalogue import catalogue
from cronnx_server.paths import ENSEMBLES
from tests.contract import configs

every_router = pytest.mark.parametrize("path", configs.ROUTER_MODELS, ids=configs.name)


def options(path: Path) -> Options:
    return Options.from_model_config(configs.triton_json(path))


def called(path: Path) -> list[ModelConfig]:
    """Return the configurations of a router's arms and shadow."""
    found = options(path)
    names = {arm.model_name for arm in (*found.weights, found.shadow) if arm}
    return [configs.read(configs.MODELS[name]) for name in sorted(names)]


def kinds(tensors: list[ModelInput] | list[ModelOutput]) -> dict[str, tuple[str, list[int]]]:
    return {tensor.name: (DataType.Name(tensor.data_type), list(tensor.dims)) for tensor in tensors}


@every_router
def test_an_arm_takes_and_gives_the_routers_tensors(path: Path) -> None:
    router = configs.read(path)
    for model in called(path):
        assert kinds(model.input) == {name: each for name, each in kinds(router.input).items() if name != USER_ID}
        assert kinds(router.output).items() <= kinds(model.output).items()


@every_router
def test_an_arm_takes_batches_as_large_as_the_routers(path: Path) -> None:
    assert configs.read(path).max_batch_size <= min(model.max_batch_size for model in called(path))


@every_router
def test_an_arm_is_a_version_of_the_catalogue_and_stays_loaded(path: Path) -> None:
    for arm in options(path).weights:
        model = catalogue()[arm.model_name.removesuffix("_onnx")]
        assert arm.model_version in model.versions
    assert all(model.version_policy.HasField("all") for model in called(path))


@every_router
def test_the_first_arm_is_the_version_that_the_plain_ensemble_pins(path: Path) -> None:
    stable = next(iter(options(path).weights))
    plain = configs.read(ENSEMBLES / stable.model_name.removesuffix("_onnx") / "config.pbtxt")
    assert (stable.model_name, stable.model_version) in {
        (step.model_name, step.model_version) for step in plain.ensemble_scheduling.step
    }


@every_router
def test_an_ensemble_with_a_router_gives_what_the_plain_one_gives_and_takes_a_user(path: Path) -> None:
    name = path.parent.name.removesuffix("_router")
    plain, split = (configs.read(ENSEMBLES / each / "config.pbtxt") for each in (name, f"{name}_ab"))
    assert list(split.output) == list(plain.output)
    assert [(tensor.name, tensor.optional) for tensor in split.input] == [("image", False), (USER_ID, True)]
    assert path.parent.name in {step.model_name for step in split.ensemble_scheduling.step}
