"""Model repositories as folders: the models in them, and their configurations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_router import Arm, ConfigError
from cronnx_router.arms import read_arm, read_weighted_arms
from cronnx_server.errors import RepositoryError
from cronnx_server.model_config import ensemble_steps
from cronnx_server.model_spec import Task
from cronnx_server.plain_paths import PLAIN

ROUTER = "router"
"""The backend of routers."""


def check(folders: Sequence[Path], *, profile: str = "") -> None:
    """Raise RepositoryError unless the folders exist and, if a profile is given, a model in them has it."""
    for folder in folders:
        if not folder.is_dir():
            raise RepositoryError(f"there is no model repository {folder}; correct --model-repository")
    known = profiles(folders)
    if profile and profile not in known:
        raise RepositoryError(
            f"no model has a configs/{profile}.pbtxt; the profiles are {', '.join(known)}"
            if known
            else f"no model has a configs/{profile}.pbtxt; there are no profiles"
        )


def config_path(folder: Path, *, profile: str | None = None) -> Path:
    """The configuration that Triton uses for the model in `folder`: the profile's if the model has one."""
    path = folder / "configs" / f"{profile}.pbtxt"
    return path if profile and path.exists() else folder / "config.pbtxt"


def read_config(folder: Path, *, profile: str | None = None) -> ModelConfig:
    """Read the configuration that Triton uses for the model in `folder`: the profile's if the model has one.

    Raises:
        RepositoryError: The file is missing or is not a model configuration.
    """
    path = config_path(folder, profile=profile)
    try:
        return parse_config(path.read_text(), folder.name)
    except (OSError, UnicodeDecodeError) as error:
        raise RepositoryError(f"cannot read {path}: {error}") from error
    except text_format.ParseError as error:
        raise RepositoryError(f"{path}:{error}") from error


def parse_config(text: str, name: str) -> ModelConfig:
    """Parse the text of a configuration; `name` is the model's, unless the text has one.

    Raises:
        text_format.ParseError: The text is not a model configuration.
    """
    config = ModelConfig()
    config.CopyFrom(_parsed(text))
    config.name = config.name or name
    return config


@lru_cache(maxsize=256)
def _parsed(text: str) -> ModelConfig:
    """Parse a configuration once: a start reads each several times, and parsing takes milliseconds."""
    parsed: ModelConfig = text_format.Parse(text, ModelConfig())
    return parsed


def as_json(config: ModelConfig) -> dict[str, Any]:
    """A configuration with every field, as Triton gives it to a backend."""
    fields: dict[str, Any] = MessageToDict(
        config, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    for tensor in (*fields["input"], *fields["output"]):
        tensor["dims"] = [int(dim) for dim in tensor["dims"]]  # protobuf's JSON has 64-bit integers as text
    return fields


def models(repository: Path) -> dict[str, Path]:
    """The folders of a repository's models, by name."""
    return {folder.name: folder for folder in sorted(repository.iterdir()) if "config.pbtxt" in _entries(folder)}


def loadable(folders: Iterable[Path]) -> list[str]:
    """The names of what a server can load from these repositories: folders with a configuration or a version.

    Others, such as `lost+found` of a volume, are no models; Triton would fail to load them.

    Raises:
        RepositoryError: A name cannot be used: Triton passes it through a shell without quotes.
    """
    names = [folder.name for repository in folders for folder in sorted(repository.iterdir()) if is_model(folder)]
    for name in names:
        if not PLAIN.fullmatch(name):
            raise RepositoryError(
                f"expected letters, digits and . _ + , = @ % - in the name of a model, got {name!r}; rename its folder"
            )
    return list(dict.fromkeys(names))


def is_model(folder: Path) -> bool:
    """Whether Triton could load a folder: one with a configuration, or with a version, which it completes itself."""
    return any(name == "config.pbtxt" or is_version(name) for name in _entries(folder))


def is_version(name: str) -> bool:
    """Whether Triton takes a folder of this name for a version: a number without a leading zero."""
    return name.isdecimal() and not name.startswith("0")


def _entries(folder: Path) -> list[str]:
    """The names in a folder; none if it is a file, or closed to this user as `lost+found` is."""
    try:
        return [path.name for path in folder.iterdir()]
    except (NotADirectoryError, PermissionError):
        return []


def steps(config: ModelConfig) -> list[str]:
    """The names of the models that an ensemble runs, in order; empty for any other model."""
    return ensemble_steps(as_json(config))


def arms(config: ModelConfig) -> list[Arm]:
    """The models and versions that a router calls; empty for any other model, or if its backend refuses them.

    Triton does not know them, and does not load them with the router.
    """
    if config.backend != ROUTER:
        return []
    parameters = {name: parameter.string_value for name, parameter in config.parameters.items()}
    weighted, shadow = parameters.get("arms", ""), parameters.get("shadow", "")
    try:
        shadows = [read_arm(shadow, parameter="shadow")] if shadow else []
        return [*read_weighted_arms(weighted, parameter="arms"), *shadows]
    except ConfigError:
        return []


def parameter(config: ModelConfig, name: str) -> str:
    """A parameter of a configuration; empty if there is none."""
    return str(config.parameters[name].string_value) if name in config.parameters else ""


def called(config: ModelConfig) -> list[str]:
    """The names of the models that a router calls; empty for any other model."""
    return sorted({arm.model_name for arm in arms(config)})


def profiles(repositories: Iterable[Path]) -> list[str]:
    """The names of the profiles in these repositories: `configs/<profile>.pbtxt`."""
    found = (path.stem for repository in repositories for path in repository.glob("*/configs/*.pbtxt"))
    return sorted(set(found))


def image_models(ensembles: Path, names: Sequence[str]) -> dict[str, Task]:
    """Those of these models that are ensembles which take photographs, and their tasks."""
    found, folders = {}, models(ensembles)
    for name in filter(folders.__contains__, names):
        task = _task(read_config(folders[name]))
        if task:
            found[name] = task
    return found


def _task(config: ModelConfig) -> Task | None:
    """The task that an ensemble's parameter says; one without it that has labels and no boxes classifies."""
    outputs = {tensor.name for tensor in config.output}
    if not any(tensor.name == "image" for tensor in config.input):
        return None
    if "task" in config.parameters:
        said = config.parameters["task"].string_value
        return next((task for task in Task if task.value == said), None)
    return Task.CLASSIFICATION if "label" in outputs and "num_detections" not in outputs else None
