"""An ensemble over a classifier of several versions, both of which cost nothing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnx
from onnx import helper, numpy_helper

from cronnx_server.files import write_whole
from tests.server import echo

ENSEMBLE, CLASSIFIER = "toy", "toy_onnx"

_CLASSIFIER_CONFIG = f"{echo.CONFIG}version_policy {{ all {{ }} }}\n"
_OUTPUTS = "\n".join(
    f'output_map {{ key: "{name}" value: "{name}" }}' for name in ("label", "class_id", "score", "served_by")
)
_ENSEMBLE_CONFIG = f"""
platform: "ensemble"
max_batch_size: 64
{echo.TENSORS}
ensemble_scheduling {{
  step [ {{
    model_name: "{CLASSIFIER}"
    model_version: 1
    input_map {{ key: "image" value: "image" }}
    {_OUTPUTS}
  }} ]
}}
"""


@dataclass(frozen=True)
class ToyRepository:
    """A model repository that a test changes under a running server; each file is replaced in one step."""

    folder: Path
    ensemble: ClassVar[str] = ENSEMBLE
    classifier: ClassVar[str] = CLASSIFIER
    image: ClassVar[bytes] = b"x"

    def write(self) -> None:
        """Write the ensemble and versions 1 and 2 of its classifier."""
        self.write_ensemble()
        self.write_config()
        for version in (1, 2):
            self.write_version(version)

    def write_ensemble(self) -> None:
        """Write the ensemble, whose configuration makes version 1 live."""
        (self.folder / ENSEMBLE / "1").mkdir(parents=True)
        write_whole(self.folder / ENSEMBLE / "config.pbtxt", _ENSEMBLE_CONFIG.encode())

    def write_config(self, *, max_queue_delay_microseconds: int = 0) -> None:
        batching = f"dynamic_batching {{ max_queue_delay_microseconds: {max_queue_delay_microseconds} }}"
        config = _CLASSIFIER_CONFIG.replace("dynamic_batching { }", batching)
        write_whole(self.folder / CLASSIFIER / "config.pbtxt", config.encode())

    def write_version(self, version: int, *, weights: str = "00000000") -> str:
        """Write or replace a version's file; returns the `served_by` of its answers."""
        served_by = f"{ENSEMBLE}/{version}@{weights}"
        write_whole(self._file(version), echo.graph(served_by))
        return served_by

    def write_version_that_fails(self, version: int) -> None:
        """Write a version that loads but fails every request."""
        model = onnx.load_from_string(echo.graph())
        (last,) = (node for node in model.graph.node if list(node.output) == ["served_by"])
        last.output[0] = "any"
        model.graph.initializer.append(numpy_helper.from_array(np.array([9]), "none_there"))
        model.graph.node.append(helper.make_node("Gather", ["any", "none_there"], ["served_by"], axis=1))
        write_whole(self._file(version), model.SerializeToString())

    def corrupt_version(self, version: int) -> None:
        write_whole(self._file(version), b"no graph")

    def remove_version(self, version: int) -> None:
        shutil.rmtree(self._file(version).parent)

    def _file(self, version: int) -> Path:
        return self.folder / CLASSIFIER / str(version) / "model.onnx"
