"""The project's rules for ensembles; test_diagnosis.py judges their wiring."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract import configs

every_ensemble = pytest.mark.parametrize("path", configs.ENSEMBLE_MODELS, ids=configs.name)


@every_ensemble
def test_an_ensemble_is_in_the_repository_of_ensembles(path: Path) -> None:
    assert path.parents[1].name == "ensembles"


@every_ensemble
def test_a_step_is_a_model_of_this_project(path: Path) -> None:
    found = configs.read(path).ensemble_scheduling.step
    assert found
    assert {step.model_name for step in found} <= configs.MODELS.keys()


@every_ensemble
def test_an_ensemble_takes_batches(path: Path) -> None:
    assert configs.read(path).max_batch_size > 1


@every_ensemble
def test_an_ensemble_of_a_classifier_says_who_answered(path: Path) -> None:
    outputs = [tensor.name for tensor in configs.read(path).output]
    assert "label" not in outputs or "served_by" in outputs
