"""Add files to the repositories of a test, without a server."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from onnx import ModelProto

from cronnx_server.add_model.addition import Message, add
from cronnx_server.add_model.options import Options
from cronnx_server.add_model.placement import Repositories
from cronnx_server.errors import CommandError
from cronnx_server.exports.specification import NUMBERED
from tests.unit.cronnx_server.add_model import graphs

FIELDS = {field.name for field in fields(Options)} - {"facts"}


def messages(
    repositories: Repositories, model: ModelProto | Path, *, dry_run: bool = False, **options: Any
) -> list[Message]:
    """Add a model; an option that is no field of `Options` states a fact. By default, a new model has no labels."""
    file = model if isinstance(model, Path) else graphs.saved(model, repositories.models.parent)
    given = {"name": "mine", "source": file, **{name: options[name] for name in options.keys() & FIELDS}}
    if not (repositories.models / f"{given['name']}_onnx").exists():
        given.setdefault("labels", NUMBERED)
    facts = tuple((name, value) for name, value in options.items() if name not in FIELDS)
    return list(add(Options(facts=facts, **given), url=None, repositories=repositories, dry_run=dry_run))


def added(repositories: Repositories, model: ModelProto | Path, **options: Any) -> str:
    """The report on a model that is added."""
    return "\n".join(message.text for message in messages(repositories, model, **options))


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
