"""Add a model: read the file, write and prove a version, publish it, load it into a running server."""

from __future__ import annotations

import os
from collections.abc import Iterator

from cronnx import Client, CronnxError
from cronnx_onnxruntime.errors import ConfigError as OnnxConfigError
from cronnx_preprocess.errors import ConfigError as PreprocessConfigError
from cronnx_server import progress
from cronnx_server.add_model import proof
from cronnx_server.add_model.existing_model import ExistingModel
from cronnx_server.add_model.model_file import read_model_file
from cronnx_server.add_model.model_version import (
    ModelVersion,
    new_classifier,
    new_raw_model,
    next_classifier,
    next_raw_model,
)
from cronnx_server.add_model.options import Options
from cronnx_server.add_model.placement import PROJECT, Placement, Repositories, check_name, placement
from cronnx_server.errors import ModelFileError, RepositoryError
from cronnx_server.key import read_key
from cronnx_server.serve import first_answer

LOAD_TIMEOUT_S = 600.0


def add(options: Options, *, url: str | None, repositories: Repositories = PROJECT) -> Iterator[str]:
    """Add a model.

    Args:
        options: The model.
        url: The HTTP port of the server that loads the model; without it, none does.
        repositories: The repositories that get the model.

    Yields:
        The paragraphs of a report, each as soon as it is known.

    Raises:
        CommandError: The model cannot be served, and nothing is added; or the server does not load it.
    """
    with placement(repositories.staging) as placed:
        try:
            version = _written_version(options, repositories, placed)
        except (OnnxConfigError, PreprocessConfigError) as error:
            raise ModelFileError(f"cannot add {options.file.name}: {error}") from error
        if version.proof:
            yield str(version.proof)
        placed.publish()
        yield "\n".join(f"added {place.parent.name}/{place.name}" for place in placed.folders)
        if url:
            yield _load(url, version, placed)
        if version.ensemble and not version.is_live:
            yield f".venv/bin/cronnx promote {version.ensemble} {version.version}"


def is_live(url: str) -> bool:
    """Whether a server answers."""
    with Client(url) as client:
        return client.is_server_live()


def _written_version(options: Options, repositories: Repositories, placed: Placement) -> ModelVersion:
    existing = ExistingModel(repositories.models / f"{options.name}_onnx")
    check_name(options.name, repositories)
    file = read_model_file(options.file)
    if not existing.exists:
        return (new_raw_model if options.raw else new_classifier)(file, options, repositories, placed)
    if options.max_batch_size is not None or options.max_queue_delay_ms is not None:
        raise ModelFileError(
            f"{existing.folder.name} exists already, and its config.pbtxt has the batch size and the queue delay of "
            "all versions; omit --max-batch-size and --max-queue-delay-ms"
        )
    if options.raw:
        return next_raw_model(file, existing, placed)
    return next_classifier(file, options, existing, placed)


def _load(url: str, version: ModelVersion, placed: Placement) -> str:
    """Load a version into the server at `url`; a report of its first answer.

    Raises:
        ModelFileError: The server does not serve the model, and it is withdrawn.
        RepositoryError: The server has other repositories; the model stays.
        KeyFileError: The key of the server cannot be read.
    """
    progress.step(f"Loading {version.model_name} into {url}")
    with Client(url, key=read_key(os.environ) or None) as client:
        try:
            if version.model_name in {status.name for status in client.models()}:
                client.load(version.model_name, timeout_s=LOAD_TIMEOUT_S)
                return _first_answer(client, url, version)
        except CronnxError as error:
            placed.withdraw()
            reason = " ".join(str(error).split())
            raise ModelFileError(f"nothing is added, because {url} does not serve the model: {reason}") from error
    raise RepositoryError(
        f"the model is added, but {url} serves other repositories; start a server of these with scripts/serve"
    )


def _first_answer(client: Client, url: str, version: ModelVersion) -> str:
    if version.is_live:
        return f"{first_answer.classified(client, version.ensemble)}\n\n{first_answer.curl(url, version.ensemble)}"
    if version.proof is None:
        return f"{version.model_name} is ready: {url}/v2/models/{version.model_name}"
    pixels = {"pixels": version.proof.pixels}
    outputs = client.infer(version.model_name, pixels, model_version=str(version.version))
    return proof.described(outputs, origin=f"at {url}")
