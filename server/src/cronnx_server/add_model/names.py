"""What a model may be called."""

from __future__ import annotations

import re

from cronnx_server.add_model.placement import Repositories
from cronnx_server.errors import SetupError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def check(name: str, repositories: Repositories) -> None:
    """Raise SetupError unless `name` can be a folder and part of a URL, and is no other model's in Triton's eyes.

    A model whose `<name>_onnx` is there is not another's: what is added is its next version.
    """
    if not NAME.fullmatch(name):
        raise SetupError(
            f"{name!r} cannot be a model's name: expected letters, digits, '_' and '-', a letter or digit first, "
            "64 at most"
        )
    taken = [repositories.models / name, repositories.ensembles / f"{name}_onnx"]
    if not (repositories.models / f"{name}_onnx").exists():
        taken.append(repositories.ensembles / name)
    for folder in taken:
        if folder.exists():
            raise SetupError(f"{folder.parent.name}/{folder.name} is there already: choose another --name")
