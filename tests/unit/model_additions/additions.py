"""Files added to repositories of a test's own, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from onnx import ModelProto

from local_server.errors import SetupError
from model_additions.adding import add
from model_additions.options import Options
from model_additions.placement import Repositories
from tests.unit.model_additions import graphs


def added(repositories: Repositories, model: ModelProto | Path, **options: Any) -> str:
    file = model if isinstance(model, Path) else graphs.saved(model, repositories.models.parent)
    return "\n".join(add(Options(file, **{"name": "mine", **options}), url=None, repositories=repositories))


def refused(repositories: Repositories, model: ModelProto | Path, **options: Any) -> str:
    """The one line that says why, where nothing is written."""
    before = everything(repositories)
    with pytest.raises(SetupError) as refusal:
        added(repositories, model, **options)
    assert everything(repositories) == before
    line = str(refusal.value)
    assert "\n" not in line
    return line


def everything(repositories: Repositories) -> list[str]:
    found = (repositories.models, repositories.ensembles, repositories.aside)
    return sorted(str(path) for folder in found for path in folder.rglob("*"))
