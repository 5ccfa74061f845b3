"""What each profile of the configurations gives, over the default ones: for whoever has a GPU."""

from __future__ import annotations

from collections.abc import Sequence

from cronnx_lab.bench.variants import Kind
from cronnx_server import repository
from cronnx_server.errors import SetupError
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY

DEFAULT = "default"


def kinds(names: Sequence[str]) -> dict[str, Kind]:
    """A server of the default configurations, and one of each profile.

    Raises:
        SetupError: no model has such a profile.
    """
    known = repository.profiles([MODEL_REPOSITORY, ENSEMBLES])
    for name in names:
        if name not in known:
            raise SetupError(f"no model has a configs/{name}.pbtxt; there are {', '.join(known)}")
    return {DEFAULT: Kind(), **{name: Kind((f"--model-config-name={name}",)) for name in names}}
