"""The configurations of a model agree with the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_server.build_models.catalogue import LIVE_VERSION, Model, catalogue
from tests.contract import configs

MODELS = catalogue()
NEWEST = -1


def of(model: Model) -> list[Path]:
    """Return the configurations of a model's network."""
    return [path for path in configs.ONNX_MODELS if configs.folder(path).name == f"{model.name}_onnx"]


every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@every_model
def test_a_model_has_a_default_config_and_an_ensemble(model: Model) -> None:
    assert configs.MODELS[f"{model.name}_onnx"] in of(model)
    assert configs.MODELS[model.name] in configs.ENSEMBLE_MODELS


@every_model
def test_a_config_has_the_catalogues_size_batch_and_delay(model: Model) -> None:
    for config in map(configs.read, of(model)):
        assert list(config.input[0].dims) == [model.height, model.width, 3]
        assert config.max_batch_size == model.max_batch_size
        assert config.HasField("dynamic_batching")
        assert config.dynamic_batching.max_queue_delay_microseconds == model.max_queue_delay_microseconds


@every_model
def test_every_version_of_a_model_is_loaded(model: Model) -> None:
    config = configs.read(configs.MODELS[f"{model.name}_onnx"])  # a profile serves the versions that are made for it
    assert config.version_policy.HasField("all")


@every_model
def test_an_ensemble_takes_its_models_batches(model: Model) -> None:
    assert configs.read(configs.MODELS[model.name]).max_batch_size == model.max_batch_size


@every_model
def test_an_ensemble_pins_the_live_version_of_its_model_and_takes_the_newest_of_the_rest(model: Model) -> None:
    steps = configs.read(configs.MODELS[model.name]).ensemble_scheduling.step
    pinned = {step.model_name: step.model_version for step in steps}
    assert pinned.pop(f"{model.name}_onnx") == LIVE_VERSION
    assert set(pinned.values()) == {NEWEST}
