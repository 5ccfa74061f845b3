"""Model repositories as values: what a server would find in their folders."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig

from cronnx_onnxruntime.runner import DEFAULT_MODEL_FILENAME
from cronnx_server.doctor.damage import damage
from cronnx_server.errors import RepositoryError
from cronnx_server.repository import config_path, is_model, is_version, read_config

PLATFORM_BACKENDS = {"onnxruntime_onnx": "onnxruntime"}


class Tensor(Protocol):
    """What `ModelInput`, `ModelOutput` and `ModelWarmup.Input` of model_config.proto have in common."""

    data_type: int
    dims: Sequence[int]


def shape(tensor: Tensor) -> str:
    """The type and dims of a tensor, as a configuration writes them."""
    return f"{DataType.Name(tensor.data_type)} {list(tensor.dims)}"


def element_count(dims: Sequence[int]) -> int:
    """The least number of elements that `dims` have: a dim of any size counts as one."""
    return math.prod(max(dim, 1) for dim in dims)


@dataclass(frozen=True)
class Model:
    """The folder of a model.

    Attributes:
        folder: The folder; its name is the model's.
        config_path: The configuration that Triton uses, whether or not the file exists.
        config: The configuration; empty if the file is missing and Triton completes it from `model.onnx`.
        files: Every file below the folder, relative to it.
        versions: The numbers of the version folders, ascending.
        warm_up_files: The content of the files below `warmup/`, by their path relative to it.
        damaged: The problem and the remedy of each file that cannot be used, by its path.
    """

    folder: Path
    config_path: Path
    config: ModelConfig
    files: frozenset[str] = frozenset()
    versions: tuple[int, ...] = ()
    warm_up_files: Mapping[str, bytes] = field(default_factory=dict)
    damaged: Mapping[Path, tuple[str, str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name that requests and ensembles use."""
        return self.folder.name

    @property
    def is_ensemble(self) -> bool:
        """Whether the model only wires others together."""
        return bool(self.config.platform == "ensemble" or self.config.HasField("ensemble_scheduling"))

    @property
    def backend(self) -> str:
        """The backend of the model; empty if neither the configuration nor the files name one."""
        named = self.config.backend or PLATFORM_BACKENDS.get(self.config.platform, "")
        has_graph = any(file.endswith(f"/{DEFAULT_MODEL_FILENAME}") for file in self.files)
        return named or ("onnxruntime" if has_graph and not self.config.platform else "")

    @property
    def loaded_versions(self) -> tuple[int, ...]:
        """The versions that `version_policy` loads, ascending; without a policy, the newest.

        Source: `ModelVersionPolicy` in model_config.proto.
        """
        policy = self.config.version_policy
        if policy.HasField("all"):
            return self.versions
        if policy.HasField("specific"):
            return tuple(version for version in self.versions if version in policy.specific.versions)
        return self.versions[-(policy.latest.num_versions or 1) :]


@dataclass(frozen=True)
class Repositories:
    """The models of all repositories of a server.

    Attributes:
        models: The models with a readable configuration, in the order of the repositories.
        unreadable: Why a configuration cannot be read, by its path.
        folders: Folders with a version and without a model.
        others: Folders without a configuration and without a version, such as `lost+found`.
    """

    models: tuple[Model, ...]
    unreadable: Mapping[Path, str] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()

    @property
    def by_name(self) -> dict[str, Model]:
        """The models with a readable configuration; the first of two with the same name."""
        return {model.name: model for model in reversed(self.models)}

    @property
    def names(self) -> set[str]:
        """The names of all models, including those with an unreadable configuration."""
        unreadable = {(path.parents[1] if path.parent.name == "configs" else path.parent) for path in self.unreadable}
        return {model.name for model in self.models} | {folder.name for folder in unreadable}

    @property
    def ensembles(self) -> Iterator[Model]:
        """The models that only wire others together."""
        return (model for model in self.models if model.is_ensemble)

    @property
    def steps(self) -> Iterator[Model]:
        """The models that a backend runs."""
        return (model for model in self.models if not model.is_ensemble)


def read(folders: Sequence[Path], *, profile: str | None = None) -> Repositories:
    """Read these repositories, with the configurations of a profile where models have it.

    Raises:
        OSError: A folder cannot be read.
    """
    models, unreadable, without_model, others = [], {}, [], []
    for folder in _subfolders(folders):
        if not is_model(folder):
            others.append(folder)
            continue
        path = config_path(folder, profile=profile)
        found = list(_paths(folder))
        files = frozenset(str(file.relative_to(folder)) for file in found if file.is_file())
        try:
            config = read_config(folder, profile=profile) if path.exists() else ModelConfig()
        except RepositoryError as error:
            unreadable[path] = str(error)
            continue
        model = Model(folder, path, config, files, _versions(folder), _warm_up_files(folder), _damaged(found))
        if path.exists() or model.backend:
            models.append(model)
        else:
            without_model.append(folder)
    return Repositories(tuple(models), unreadable, tuple(without_model), tuple(others))


def _subfolders(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.iterdir() if path.is_dir())


def _paths(folder: Path) -> Iterator[Path]:
    """Everything below a folder; links to folders are followed, as Triton does."""
    for root, folders, files in os.walk(folder, followlinks=True):
        yield from (Path(root, name) for name in (*folders, *files))


def _damaged(paths: Iterable[Path]) -> dict[Path, tuple[str, str]]:
    return {path: found for path in paths if (found := damage(path))}


def _versions(folder: Path) -> tuple[int, ...]:
    """The version folders: Triton ignores a name that is not a number or begins with a zero."""
    names = (path.name for path in folder.iterdir() if path.is_dir())
    return tuple(sorted(int(name) for name in names if is_version(name)))


def _warm_up_files(folder: Path) -> dict[str, bytes]:
    root = folder / "warmup"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
