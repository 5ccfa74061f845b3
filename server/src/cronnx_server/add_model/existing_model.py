"""A model that is already in the repository: its next version must fit its configuration and inherits its options."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import onnx

from cronnx_onnxruntime.errors import ConfigError
from cronnx_onnxruntime.signature import Config, Signature
from cronnx_server import repository
from cronnx_server.build_models.catalogue import GPU_FILE, catalogue
from cronnx_server.errors import ModelFileError, RepositoryError
from cronnx_server.graphs.image_model import read_spec
from cronnx_server.model_spec import ModelSpec


@dataclass(frozen=True)
class ExistingModel:
    """The folder of a model of the onnxruntime backend."""

    folder: Path

    @property
    def exists(self) -> bool:
        """Whether the model is in the repository."""
        return (self.folder / "config.pbtxt").exists()

    @property
    def next_version(self) -> int:
        """The first number after the versions in the folder and in the catalogue."""
        model = catalogue().get(self.folder.name.removesuffix("_onnx"))
        to_build: list[int] = [*model.versions] if model else []
        present = [int(path.name) for path in self.folder.iterdir() if path.name.isdecimal()]
        return 1 + max([0, *present, *to_build])

    @cached_property
    def config(self) -> Config:
        """The configuration as Triton gives it to a backend."""
        return repository.as_json(repository.read_config(self.folder))

    def check(self, signature: Signature) -> None:
        """Raise ModelFileError unless a graph's inputs and outputs are those of the configuration."""
        try:
            signature.check(self.config)
        except ConfigError as error:
            raise ModelFileError(
                f"expected the inputs and outputs of {self.folder.name}/config.pbtxt: {error}; choose another --name"
            ) from error

    @property
    def files(self) -> list[Path]:
        """The model files of its versions, the oldest first."""
        return sorted(self.folder.glob("*/model.onnx"), key=lambda path: int(path.parent.name))

    @property
    def gpu_profiles(self) -> list[Path]:
        """The configurations that serve the files for GPUs."""
        return [path for path in sorted(self.folder.glob("configs/*.pbtxt")) if GPU_FILE in path.read_text()]

    def spec(self) -> ModelSpec:
        """The specification of the oldest version.

        Raises:
            RepositoryError: No version has a file, or the graph is not one that this project built.
        """
        if not self.files:
            raise RepositoryError(
                f"{self.folder.name} has no model file from which to take labels and preprocessing; "
                "build one with scripts/build_models"
            )
        spec = read_spec(onnx.load(self.files[0], load_external_data=False))
        if spec is None:
            raise RepositoryError(
                f"{self.files[0].parent.parent.name}/{self.files[0].parent.name}/model.onnx does not say what it is; "
                "if it serves an unchanged graph, add its next version with --raw, and if an earlier release built it, "
                "delete the file and build it again"
            )
        return spec
