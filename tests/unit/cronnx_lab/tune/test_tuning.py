from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cronnx_lab.tune.candidates import Candidate, Settings, settings_of
from cronnx_lab.tune.trial import WHOLE_CASE_S
from cronnx_lab.tune.tuning import Tuning, rounds_within
from cronnx_server import repository
from cronnx_server.errors import RepositoryError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY

NAME, NETWORK, PREPROCESS = "efficientnet_lite0", "efficientnet_lite0_onnx", "preprocess_224"
FOUND = Candidate(((PREPROCESS, Settings()), (NETWORK, Settings(instances=2, threads=1))))


@pytest.fixture
def tuning(tmp_path: Path) -> Tuning:
    """A tuning of copies, because profiles are written next to their models."""
    for folder in (ENSEMBLES / NAME, MODEL_REPOSITORY / NETWORK, MODEL_REPOSITORY / PREPROCESS):
        (tmp_path / folder.name).mkdir()
        shutil.copy(folder / "config.pbtxt", tmp_path / folder.name)
    return Tuning(NAME, [tmp_path])


def test_changes_are_listed_by_step(tuning: Tuning) -> None:
    assert tuning.changes(FOUND) == {
        NETWORK: [
            "instance_group { count: 2 }",
            'parameters { key: "intra_op_thread_count" value { string_value: "1" } }',
        ]
    }


def test_a_profile_is_the_default_with_the_settings_found(tuning: Tuning) -> None:
    (path,) = tuning.write(FOUND, profile="fast")
    assert path == tuning.steps[NETWORK] / "configs" / "fast.pbtxt"
    profile = repository.read_config(tuning.steps[NETWORK], profile="fast")
    default = repository.read_config(tuning.steps[NETWORK])
    assert settings_of(profile) == FOUND.settings(NETWORK)
    assert profile.model_warmup == default.model_warmup
    assert profile.response_cache == default.response_cache


def test_an_unchanged_step_gets_no_profile(tuning: Tuning) -> None:
    present = FOUND.with_step(NETWORK, Settings())
    assert tuning.write(present, profile="fast") == []
    assert not (tuning.steps[NETWORK] / "configs").exists()


def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(RepositoryError, match="there is no model 'nonesuch'"):
        Tuning("nonesuch", [MODEL_REPOSITORY, ENSEMBLES])


@pytest.mark.parametrize(
    ("name", "cause"), [(f"{NAME}_ab", f"got other steps: {NAME}_router"), (NETWORK, "got a model without steps")]
)
def test_a_model_that_cannot_be_tuned_is_refused(name: str, cause: str) -> None:
    with pytest.raises(RepositoryError, match=cause):
        Tuning(name, [MODEL_REPOSITORY, ENSEMBLES])


def test_the_rounds_fill_the_time() -> None:
    assert rounds_within(WHOLE_CASE_S * 10 * 4, count=4) == 4
    assert rounds_within(-1, count=4) == 1
