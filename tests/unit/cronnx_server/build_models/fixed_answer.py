"""A model that gives one answer to every image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt


class FixedAnswer:
    """Stands in for `InProcessModel`."""

    def __init__(self, **outputs: npt.NDArray[Any]) -> None:
        self._outputs = outputs

    def preprocess(self, images: Sequence[bytes]) -> dict[str, npt.NDArray[Any]]:
        assert len(images) == 1
        return {}

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        assert not inputs
        return self._outputs
