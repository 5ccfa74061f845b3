"""EfficientNet-Lite0 in a test's own repository, in versions that differ only in their `served_by`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import onnx

from cronnx_server.build_models.catalogue import catalogue
from cronnx_server.build_models.missing_models import build_missing
from cronnx_server.files import write_whole
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY, PICTURES

MODEL = catalogue()["efficientnet_lite0"]


@dataclass(frozen=True)
class EfficientNetRepository:
    """A model repository that a test changes under a running server; each file is replaced in one step."""

    folder: Path
    ensemble: ClassVar[str] = MODEL.name
    classifier: ClassVar[str] = f"{MODEL.name}_onnx"
    image: ClassVar[bytes] = (PICTURES / "chelsea.jpg").read_bytes()

    def write(self) -> None:
        """Write the ensemble, its preprocessing model, and versions 1 and 2 of its classifier."""
        build_missing([MODEL.name])
        shutil.copytree(ENSEMBLES / MODEL.name, self.folder / MODEL.name)
        for name in (f"preprocess_{MODEL.height}", self.classifier):
            shutil.copytree(MODEL_REPOSITORY / name, self.folder / name, ignore=shutil.ignore_patterns("*.onnx", "2"))
        for version in (1, 2):
            self.write_version(version)

    def write_version(self, version: int, *, weights: str = "00000000") -> str:
        """Write or replace a version's file; returns the `served_by` of its answers."""
        served_by = f"{MODEL.name}/{version}@{weights}"
        graph = onnx.load(MODEL.path(MODEL_REPOSITORY))
        built = [MODEL.served_by().encode()]
        (provenance,) = (each for each in graph.graph.initializer if each.string_data[:] == built)
        provenance.string_data[0] = served_by.encode()
        write_whole(self.folder / self.classifier / str(version) / "model.onnx", graph.SerializeToString())
        return served_by
