"""That the tensors of every ensemble find their way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelEnsembling, ModelInput, ModelOutput

from tests.contract import configs

Tensor = ModelInput | ModelOutput

every_ensemble = pytest.mark.parametrize("path", configs.ENSEMBLE_MODELS, ids=configs.name)


def steps(path: Path) -> Iterator[tuple[ModelEnsembling.Step, ModelConfig]]:
    """An ensemble's steps, each with its model's configuration."""
    for step in configs.read(path).ensemble_scheduling.step:
        yield step, configs.read(configs.MODELS[step.model_name])


def made(path: Path) -> list[tuple[str, Tensor]]:
    """What flows in an ensemble: each tensor's name, and the one that gives it."""
    return [
        *((tensor.name, tensor) for tensor in configs.read(path).input),
        *(
            (step.output_map[output.name], output)
            for step, model in steps(path)
            for output in model.output
            if output.name in step.output_map
        ),
    ]


def taken(path: Path) -> list[tuple[str, Tensor]]:
    """What flows in an ensemble: each tensor's name, and one that takes it."""
    return [
        *((tensor.name, tensor) for tensor in configs.read(path).output),
        *(
            (step.input_map[each.name], each)
            for step, model in steps(path)
            for each in model.input
            if each.name in step.input_map
        ),
    ]


def kind(tensor: Tensor) -> tuple[str, list[int]]:
    return DataType.Name(tensor.data_type), list(tensor.dims)


@every_ensemble
def test_an_ensemble_is_in_the_repository_of_ensembles(path: Path) -> None:
    assert path.parents[1].name == "ensembles"


@every_ensemble
def test_a_step_is_a_model_of_this_project(path: Path) -> None:
    found = configs.read(path).ensemble_scheduling.step
    assert found
    assert {step.model_name for step in found} <= configs.MODELS.keys()


@every_ensemble
def test_a_step_is_given_all_that_its_model_takes_and_nothing_else(path: Path) -> None:
    for step, model in steps(path):
        needed = {tensor.name for tensor in model.input if not tensor.optional}
        assert needed <= step.input_map.keys() <= {tensor.name for tensor in model.input}, step.model_name


@every_ensemble
def test_a_step_gives_what_its_model_has(path: Path) -> None:
    for step, model in steps(path):
        assert step.output_map.keys() <= {tensor.name for tensor in model.output}, step.model_name


@every_ensemble
def test_every_tensor_that_is_taken_is_made_once(path: Path) -> None:
    names = [name for name, _ in made(path)]
    assert len(names) == len(set(names))
    assert {name for name, _ in taken(path)} == set(names)


@every_ensemble
def test_a_tensor_is_taken_as_it_is_made(path: Path) -> None:
    sources = dict(made(path))
    for name, tensor in taken(path):
        assert kind(tensor) == kind(sources[name]), name


@every_ensemble
def test_an_ensembles_batches_fit_every_step(path: Path) -> None:
    sizes = {step.model_name: model.max_batch_size for step, model in steps(path)}
    assert 0 < configs.read(path).max_batch_size <= min(sizes.values()), sizes


@every_ensemble
def test_an_ensemble_has_nothing_that_only_a_model_can_have(path: Path) -> None:
    config = configs.read(path)
    assert not config.instance_group
    assert not config.model_warmup
    assert not config.HasField("optimization")
    assert not config.HasField("dynamic_batching")


@every_ensemble
def test_an_ensemble_of_a_classifier_says_who_answered(path: Path) -> None:
    outputs = [tensor.name for tensor in configs.read(path).output]
    assert "label" not in outputs or "served_by" in outputs
