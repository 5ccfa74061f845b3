from __future__ import annotations

import pytest

from local_server import environment, repository
from local_server.errors import SetupError
from local_server.paths import ENSEMBLES, MODEL_REPOSITORY
from model_builds.catalogue import Model
from model_builds.ready import ready


def test_every_ensemble_is_ready_where_none_is_named(models: dict[str, Model]) -> None:
    with environment.alone():
        assert ready(None) == list(repository.models(ENSEMBLES))
    assert all(model.path(MODEL_REPOSITORY).exists() for model in models.values())


def test_an_ensemble_that_is_named_is_ready_alone() -> None:
    with environment.alone():
        assert ready(["efficientnet_lite1"]) == ["efficientnet_lite1"]


def test_a_model_that_no_build_makes_is_ready_as_it_is() -> None:
    assert ready(["preprocess_224"]) == ["preprocess_224"]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SetupError, match=r"there is no model 'lite9'; there are .*efficientnet_lite0"):
        ready(["lite9"])
