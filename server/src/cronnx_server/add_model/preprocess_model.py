"""The `preprocess` model of a recipe: models of equal recipes share one process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path

from cronnx_preprocess import ConfigError, Options
from cronnx_server import repository
from cronnx_server.add_model import configs
from cronnx_server.add_model.placement import Placement
from cronnx_server.errors import RepositoryError
from cronnx_server.model_spec import Recipe
from cronnx_server.paths import MODEL_REPOSITORY

BACKEND = "preprocess"
WARM_UP = MODEL_REPOSITORY / "preprocess_224" / "warmup"


@dataclass(frozen=True)
class PreprocessModel:
    """A model of the `preprocess` backend.

    Attributes:
        folder: Its folder; that of the placement if the model is new.
        options: What its configuration says.
        max_batch_size: The largest batch.
    """

    folder: Path
    options: Options
    max_batch_size: int

    @property
    def name(self) -> str:
        """Its name."""
        return self.folder.name


def preprocess_model(recipe: Recipe, *, geometry: bool, repository_folder: Path, placed: Placement) -> PreprocessModel:
    """Find the model of a recipe, or write one.

    Args:
        recipe: How a photograph becomes pixels.
        geometry: Whether the network's head needs to know where the photograph lies.
        repository_folder: The model repository.
        placed: Where a new model is written.

    Raises:
        RepositoryError: A configuration in the repository cannot be read.
    """
    wanted = _read(configs.preprocess_config(recipe, geometry=geometry), "the wanted model")
    existing = list(_existing(repository_folder))
    for model in existing:
        if _serves(model.options, wanted):
            return model
    taken = {model.name for model in existing}
    name = next(name for name in _names(recipe) if name not in taken and not (repository_folder / name).exists())
    folder = repository_folder / name
    files = {f"warmup/{path.name}": path.read_bytes() for path in WARM_UP.iterdir()}
    config = configs.preprocess_config(recipe, geometry=True, name=name)  # so that later models can share it
    placed.write(folder, {"config.pbtxt": config.encode(), "1/.gitkeep": b"", **files})
    return PreprocessModel(placed.folder(folder), _read(config, name), configs.PREPROCESS_BATCH_SIZE)


def _names(recipe: Recipe) -> Iterator[str]:
    """Names for the model of a recipe, the plainest first."""
    sides = dict.fromkeys(str(side) for side in (recipe.width, recipe.height) if side)
    plain = "_".join(("preprocess", "x".join(sides) or "any", recipe.resize))
    return chain((plain,), (f"{plain}_{number}" for number in count(2)))


def read_preprocess_model(folder: Path) -> PreprocessModel:
    """Read the model of a folder.

    Raises:
        RepositoryError: It is not a `preprocess` model, or its configuration is wrong.
    """
    config = repository.read_config(folder)
    if config.backend != BACKEND:
        raise RepositoryError(f"expected {folder.name} to be a model of the backend {BACKEND}, got '{config.backend}'")
    try:
        options = Options.from_model_config(repository.as_json(config))
    except ConfigError as error:
        raise RepositoryError(f"{folder.name}/config.pbtxt: {error}; correct it") from error
    return PreprocessModel(folder, options, config.max_batch_size)


def _existing(folder: Path) -> Iterator[PreprocessModel]:
    for path in repository.models(folder).values():
        if repository.read_config(path).backend == BACKEND:
            yield read_preprocess_model(path)


def _read(text: str, name: str) -> Options:
    return Options.from_model_config(repository.as_json(repository.parse_config(text, name)))


def _serves(existing: Options, wanted: Options) -> bool:
    """Whether an existing model makes the wanted pixels, and the geometry if that is wanted."""
    if wanted.tensors.geometry_name and not existing.tensors.geometry_name:
        return False
    tensors = replace(existing.tensors, geometry_name=wanted.tensors.geometry_name)
    limits = {name: getattr(existing, name) for name in ("max_bytes", "max_pixels", "threads", "max_queue_size")}
    timeout = existing.default_timeout_microseconds
    return replace(existing, tensors=tensors) == replace(wanted, **limits, default_timeout_microseconds=timeout)
