"""Model repositories as folders: which models are there, and what their configurations say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_server.errors import SetupError


def config_path(folder: Path, *, profile: str | None = None) -> Path:
    """The configuration that Triton takes for the model in `folder`: a profile's, where the model has it."""
    path = folder / "configs" / f"{profile}.pbtxt"
    return path if profile and path.exists() else folder / "config.pbtxt"


def read_config(folder: Path, *, profile: str | None = None) -> ModelConfig:
    """The configuration of the model in `folder`; with a profile, the one Triton would take for it.

    Raises:
        SetupError: it is not there, or not a model configuration.
    """
    path = config_path(folder, profile=profile)
    try:
        config: ModelConfig = text_format.Parse(path.read_text(), ModelConfig())
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"cannot read {path}: {error}") from error
    except text_format.ParseError as error:
        raise SetupError(f"{path}:{error}") from error
    config.name = config.name or folder.name
    return config


def models(repository: Path) -> dict[str, Path]:
    """The folders of a repository's models, by name."""
    return {folder.name: folder for folder in sorted(repository.iterdir()) if (folder / "config.pbtxt").exists()}


def steps(config: ModelConfig) -> list[str]:
    """The names of the models an ensemble is made of."""
    return [step.model_name for step in config.ensemble_scheduling.step]


def called(config: ModelConfig) -> list[str]:
    """The names of the models a router calls: Triton knows nothing of them and does not load them with it."""
    if config.backend != "router":
        return []
    arms = f"{config.parameters['arms'].string_value} {config.parameters['shadow'].string_value}"
    return sorted({arm.partition("/")[0] for arm in arms.split()})


def profiles(repositories: Iterable[Path]) -> list[str]:
    """The names that `--profile` can take in these repositories."""
    found = (path.stem for repository in repositories for path in repository.glob("*/configs/*.pbtxt"))
    return sorted(set(found))


def classifiers(ensembles: Path, names: Sequence[str]) -> list[str]:
    """Those of these models that are ensembles and take an `image` and give a `label`."""
    found, folders = [], models(ensembles)
    for name in filter(folders.__contains__, names):
        config = read_config(folders[name])
        tensors = {tensor.name for tensor in (*config.input, *config.output)}
        if {"image", "label"} <= tensors:
            found.append(name)
    return found
