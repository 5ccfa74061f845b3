"""What a profile asks of the models: the versions that it serves, and their files for GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cronnx_server import repository
from cronnx_server.build_models.catalogue import GPU_FILE, Model
from cronnx_server.errors import CommandError, RepositoryError


@dataclass(frozen=True)
class Profile:
    """A profile of some models.

    Attributes:
        name: Which `configs/<name>.pbtxt` the server prefers; empty for none.
        known: The folders of all models by name.
    """

    name: str
    known: Mapping[str, Path]

    def serves(self, folder: Path, version: int) -> bool:
        """Whether the configuration of a model serves a version that is there."""
        if not self.name:
            return True
        policy = repository.read_config(folder, profile=self.name).version_policy
        return not policy.HasField("specific") or version in policy.specific.versions

    def gpu_versions(self, folder: Path) -> list[int]:
        """The versions of a model whose file for GPUs its configuration serves."""
        config = repository.read_config(folder, profile=self.name)
        return [*config.version_policy.specific.versions] if config.default_model_filename == GPU_FILE else []

    def unserved(self, names: Sequence[str]) -> dict[str, CommandError]:
        """Those of these models that call a version that the profile does not serve, and which."""
        return {name: error for name in names for error in self._unserved(self.known[name])}

    def build(self, names: Sequence[str], *, models: Mapping[str, Model], weights: Path) -> dict[str, CommandError]:
        """Build the files for GPUs that these models lack; why one of them cannot be served.

        Args:
            names: Ensembles or models whose versions are built.
            models: The catalogue's models.
            weights: The folder that keeps fetched weights.
        """
        parts = {name: [part for part in self._parts(name) if part in self.known] for name in names}
        failures: dict[str, CommandError] = {}
        for part in dict.fromkeys(part for found in parts.values() for part in found):
            folder = self.known[part]
            for version in self.gpu_versions(folder):
                if (folder / str(version) / GPU_FILE).exists():
                    continue
                from cronnx_server.build_models import gpu_file  # takes half a second, which most starts can save

                try:
                    gpu_file.make(folder, version, models=models, weights=weights)
                except CommandError as failure:
                    failures[part] = failure
        return {name: failures[part] for name, found in parts.items() for part in found if part in failures}

    def _parts(self, name: str) -> list[str]:
        folder = self.known[name]
        return [name, *repository.steps(repository.read_config(folder)), *called_models(folder, self.known)]

    def _unserved(self, folder: Path) -> Iterator[RepositoryError]:
        config = repository.read_config(folder)
        steps = [(step.model_name, step.model_version) for step in config.ensemble_scheduling.step]
        arms = [
            (arm.model_name, arm.model_version)
            for part in (folder.name, *dict(steps))
            if part in self.known
            for arm in repository.arms(repository.read_config(self.known[part]))
        ]
        for name, version in (*steps, *arms):
            if version > 0 and name in self.known and not self.serves(self.known[name], version):
                path = repository.config_path(self.known[name], profile=self.name)
                yield RepositoryError(
                    f"it calls version {version} of {name}, which {path.parent.name}/{path.name} does not serve; add "
                    "the version to `versions` there: docs/profiles.md"
                )


def called_models(folder: Path, known: Mapping[str, Path]) -> list[str]:
    """The models that the routers of an ensemble call."""
    parts = [folder.name, *repository.steps(repository.read_config(folder))]
    configs = [repository.read_config(known[name]) for name in parts if name in known]
    return [model for config in configs for model in repository.called(config)]
