"""Model repositories as values: what a server would find in their folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_server.errors import SetupError
from cronnx_server.repository import config_path, read_config

DEFAULT_MODEL_FILENAME = "model.onnx"
PLATFORM_BACKENDS = {"onnxruntime_onnx": "onnxruntime"}


@dataclass(frozen=True)
class Model:
    """A model's folder.

    Attributes:
        folder: where it is; its name is the model's.
        config_path: the configuration that Triton takes, or would take.
        config: what that says; empty where there is none and Triton completes it from `model.onnx`.
        files: every file below the folder, relative to it.
        versions: the numbers of the version folders, ascending.
        warm_up_files: the content of the files below `warmup/`, by their path relative to that.
    """

    folder: Path
    config_path: Path
    config: ModelConfig
    files: frozenset[str] = frozenset()
    versions: tuple[int, ...] = ()
    warm_up_files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What requests and ensembles call it."""
        return self.folder.name

    @property
    def is_ensemble(self) -> bool:
        """Whether it is wiring only."""
        return bool(self.config.platform == "ensemble" or self.config.HasField("ensemble_scheduling"))

    @property
    def backend(self) -> str:
        """The backend that serves it; empty where the configuration and the files do not say."""
        named = self.config.backend or PLATFORM_BACKENDS.get(self.config.platform, "")
        has_graph = any(file.endswith(f"/{DEFAULT_MODEL_FILENAME}") for file in self.files)
        return named or ("onnxruntime" if has_graph and not self.config.platform else "")

    @property
    def loaded_versions(self) -> tuple[int, ...]:
        """The versions that its `version_policy` loads, ascending; without one, the newest.

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
        models: those whose configuration can be read, in the order of the repositories.
        unreadable: why a configuration cannot be read, by its path.
        folders: folders that hold nothing of a model.
    """

    models: tuple[Model, ...]
    unreadable: Mapping[Path, str] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()

    @property
    def by_name(self) -> dict[str, Model]:
        """The models that can be read; of two with one name, the first."""
        return {model.name: model for model in reversed(self.models)}

    @property
    def names(self) -> set[str]:
        """The names of all models, those that cannot be read included."""
        unreadable = {(path.parents[1] if path.parent.name == "configs" else path.parent) for path in self.unreadable}
        return {model.name for model in self.models} | {folder.name for folder in unreadable}

    @property
    def ensembles(self) -> Iterator[Model]:
        """The models that are wiring only."""
        return (model for model in self.models if model.is_ensemble)

    @property
    def steps(self) -> Iterator[Model]:
        """The models that a backend serves."""
        return (model for model in self.models if not model.is_ensemble)


def read(folders: Sequence[Path], *, profile: str | None = None) -> Repositories:
    """What is in these repositories, with a profile's configurations where models have it.

    Raises:
        OSError: a folder cannot be read.
    """
    models, unreadable, others = [], {}, []
    for folder in _subfolders(folders):
        path = config_path(folder, profile=profile)
        files = frozenset(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
        try:
            config = read_config(folder, profile=profile) if path.exists() else ModelConfig()
        except SetupError as error:
            unreadable[path] = str(error)
            continue
        model = Model(folder, path, config, files, _versions(folder), _warm_up_files(folder))
        if path.exists() or model.backend:
            models.append(model)
        else:
            others.append(folder)
    return Repositories(tuple(models), unreadable, tuple(others))


def _subfolders(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _versions(folder: Path) -> tuple[int, ...]:
    """Triton passes over a folder that is not a number, or begins with a zero."""
    names = (path.name for path in folder.iterdir() if path.is_dir())
    return tuple(sorted(int(name) for name in names if name.isdecimal() and not name.startswith("0")))


def _warm_up_files(folder: Path) -> dict[str, bytes]:
    root = folder / "warmup"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
