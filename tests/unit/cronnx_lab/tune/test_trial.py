from __future__ import annotations

from pathlib import Path

import pytest

from cronnx_lab.tune.candidates import Candidate, Settings, settings_of
from cronnx_lab.tune.trial import ensemble_name, write_candidates
from cronnx_server import repository

ENSEMBLE = """
platform: "ensemble"
ensemble_scheduling { step [
  { model_name: "first" model_version: -1 }, { model_name: "second" model_version: 2 }
] }
"""


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    for name, backend in (("first", "preprocess"), ("second", "onnxruntime")):
        for version in ("1", "2"):
            (tmp_path / name / version).mkdir(parents=True)
        (tmp_path / name / "configs").mkdir()
        (tmp_path / name / "warmup").mkdir()
        (tmp_path / name / "config.pbtxt").write_text(f'backend: "{backend}" dynamic_batching {{ }}')
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "config.pbtxt").write_text(ENSEMBLE)
    return repository.models(tmp_path)


@pytest.fixture
def written(folders: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    steps = {name: folders[name] for name in ("first", "second")}
    present = Candidate((("first", Settings()), ("second", Settings())))
    candidates = [present, present.with_step("second", Settings(instances=2, threads=1))]
    target = tmp_path / "candidates"
    write_candidates(target, repository.read_config(folders["whole"]), steps, candidates)
    return repository.models(target)


def test_every_candidate_is_an_ensemble_of_steps_with_its_settings(written: dict[str, Path]) -> None:
    for number, expected in enumerate((Settings(), Settings(instances=2, threads=1))):
        ensemble = repository.read_config(written[ensemble_name(number)])
        _, second = repository.steps(ensemble)
        assert settings_of(repository.read_config(written[second])) == expected


def test_candidates_share_a_step_whose_settings_are_the_same(written: dict[str, Path]) -> None:
    firsts = {repository.steps(repository.read_config(written[f"candidate_{number}"]))[0] for number in (0, 1)}
    assert len(firsts) == 1
    assert len(written) == 2 + 1 + 2


def test_a_step_has_the_version_that_is_pinned_and_what_it_needs_but_no_profiles(written: dict[str, Path]) -> None:
    for name, path in written.items():
        if name.startswith("second"):
            assert {each.name for each in path.iterdir()} == {"2", "warmup", "config.pbtxt"}
        if name.startswith("first"):
            assert {each.name for each in path.iterdir()} == {"1", "2", "warmup", "config.pbtxt"}
