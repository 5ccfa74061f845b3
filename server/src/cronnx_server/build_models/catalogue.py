"""The models this project builds, as `catalogue.toml` lists them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cronnx_server.build_models.weights import PackagedFile, WebFile, Weights

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CATALOGUE = Path(__file__).with_name("catalogue.toml")
LIVE_VERSION = 1


@dataclass(frozen=True)
class EfficientNetLite:
    """A version built from the published weights of an EfficientNet-Lite."""

    weights: PackagedFile
    width: float
    depth: float


@dataclass(frozen=True)
class OnnxFile:
    """A version that is published as an ONNX file."""

    weights: WebFile


@dataclass(frozen=True)
class Quantised:
    """A version that is another one in INT8."""

    of: EfficientNetLite | OnnxFile

    @property
    def weights(self) -> Weights:
        """What the other one is built from."""
        return self.of.weights


Version = EfficientNetLite | OnnxFile | Quantised


@dataclass(frozen=True)
class Model:
    """A model to build; the fields are explained in `catalogue.toml`."""

    name: str
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    labels: str
    max_batch_size: int
    max_queue_delay_microseconds: int
    expected: tuple[int, ...]
    versions: Mapping[int, Version]

    @classmethod
    def of(cls, name: str, entry: Mapping[str, Any]) -> Model:
        """The model of an entry."""
        versions: dict[int, Version] = {}
        for number, version in entry["versions"].items():
            versions[int(number)] = _version(version, versions)
        return cls(name=name, **{**_fields(entry), "versions": versions})

    def path(self, repository: Path, version: int = LIVE_VERSION) -> Path:
        """Where the file of a version belongs in a model repository."""
        return repository / f"{self.name}_onnx" / str(version) / "model.onnx"

    def weights(self, version: int = LIVE_VERSION) -> Weights:
        """What a version is built from."""
        return self.versions[version].weights

    def served_by(self, version: int = LIVE_VERSION) -> str:
        """What the answers of a version say of their origin."""
        return f"{self.name}/{version}@{self.weights(version).sha256[:8]}"


def catalogue() -> dict[str, Model]:
    """Every model, by name."""
    with CATALOGUE.open("rb") as file:
        return {name: Model.of(name, entry) for name, entry in tomllib.load(file).items()}


def _version(entry: Mapping[str, Any], earlier: Mapping[int, Any]) -> Version:
    fields = _fields(entry)
    if "quantises" in fields:
        return Quantised(earlier[fields["quantises"]])
    if "urls" in fields:
        return OnnxFile(WebFile(**fields))
    coefficients = {key: fields.pop(key) for key in ("width", "depth")}
    return EfficientNetLite(PackagedFile(**fields), **coefficients)


def _fields(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
