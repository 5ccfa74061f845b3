"""Add files to the repositories of a test, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from onnx import ModelProto

from cronnx_server.add_model.addition import add
from cronnx_server.add_model.options import Options
from cronnx_server.add_model.placement import Repositories
from cronnx_server.errors import CommandError
from tests.unit.cronnx_server.add_model import graphs


def added(repositories: Repositories, model: ModelProto | Path, **options: Any) -> str:
    file = model if isinstance(model, Path) else graphs.saved(model, repositories.models.parent)
    return "\n".join(add(Options(file, **{"name": "mine", **options}), url=None, repositories=repositories))


def refused(repositories: Repositories, model: ModelProto | Path, **options: Any) -> str:
    """The one line that refuses a file; nothing is written."""
    before = everything(repositories)
    with pytest.raises(CommandError) as refusal:
        added(repositories, model, **options)
    assert everything(repositories) == before
    line = str(refusal.value)
    assert "\n" not in line
    return line


def everything(repositories: Repositories) -> list[str]:
    found = (repositories.models, repositories.ensembles, repositories.staging)
    return sorted(str(path) for folder in found for path in folder.rglob("*"))
