"""Add a model: read it, write and prove a version, publish it, load it into a running server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cronnx import Client, CronnxError
from cronnx_onnxruntime.errors import ConfigError as OnnxConfigError
from cronnx_preprocess.errors import ConfigError as PreprocessConfigError
from cronnx_server import answers, progress
from cronnx_server.add_model import facts_table
from cronnx_server.add_model.existing_model import ExistingModel
from cronnx_server.add_model.int8 import FEW
from cronnx_server.add_model.model_version import (
    ModelVersion,
    inherit,
    inherit_limits,
    new_model,
    new_raw_model,
    next_model,
    next_raw_model,
    other_labels,
)
from cronnx_server.add_model.options import Options
from cronnx_server.add_model.placement import PROJECT, Placement, Repositories, check_name, placement
from cronnx_server.add_model.served_model import ServedModel, read_model
from cronnx_server.build_models.catalogue import GPU_FILE
from cronnx_server.errors import ModelFileError, RepositoryError
from cronnx_server.exports.facts import Facts
from cronnx_server.exports.source import Source, read_source
from cronnx_server.key import read_key
from cronnx_server.model_spec import ModelSpec
from cronnx_server.serve import first_answer

LOAD_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Message:
    """A part of the report, as soon as it is known.

    Attributes:
        kind: `facts`, `warnings`, `notes`, `int8`, `answer`, `added`, `served` or `next`.
        text: For people.
        value: The same as JSON types.
    """

    kind: str
    text: str
    value: Any


def add(
    options: Options, *, url: str | None, repositories: Repositories = PROJECT, dry_run: bool = False
) -> Iterator[Message]:
    """Add a model.

    Args:
        options: The model.
        url: The HTTP port of the server that loads the model; without it, none does.
        repositories: The repositories that get the model.
        dry_run: Whether to say what would be added, and to write nothing.

    Yields:
        The parts of a report.

    Raises:
        CommandError: The model cannot be served, and nothing is added; or the server does not load it.
    """
    existing = ExistingModel(repositories.models / f"{options.name}_onnx")
    with placement(repositories) as placed:
        check_name(options.name, repositories)
        _check_options(options, existing)
        source = read_source(options.source)
        try:
            if options.raw:
                version = _raw_version(source, options, existing, repositories, placed)
            else:
                earlier = existing.spec() if existing.exists else None
                served = _read(source, options, earlier)
                yield from _report(served, earlier)
                version = _version(served, options, existing, repositories, placed)
        except (OnnxConfigError, PreprocessConfigError) as error:
            raise ModelFileError(f"cannot add {options.source.name}: {error}") from error
        if version.int8:
            yield Message("int8", str(version.int8), version.int8.as_json())
            if version.int8.photographs < FEW:
                text = f"{version.int8.photographs} photographs say little about INT8; pass {FEW} or more to --quantise"
                yield Message("warnings", text, text)
        if version.proof:
            yield Message("answer", str(version.proof), str(version.proof).splitlines())
        folders = [f"{place.parent.name}/{place.name}" for place in placed.folders]
        if dry_run:
            yield Message("added", "\n".join(f"would add {folder}" for folder in folders), [])
            return
        placed.publish()
        yield Message("added", "\n".join(f"added {folder}" for folder in folders), folders)
        if url:
            served_answer = _load(url, version, placed)
            yield Message("served", served_answer, served_answer.splitlines())
        if version.ensemble and not version.is_live:
            command = f".venv/bin/cronnx promote {version.ensemble} {version.version}"
            yield Message("next", command, command)


def is_live(url: str) -> bool:
    """Whether a server answers."""
    with Client(url) as client:
        return client.is_server_live()


def _check_options(options: Options, existing: ExistingModel) -> None:
    if existing.exists and (options.max_batch_size is not None or options.max_queue_delay_ms is not None):
        raise ModelFileError(
            f"{existing.folder.name} exists already, and its config.pbtxt has the batch size and the queue delay of "
            "all versions; omit --max-batch-size and --max-queue-delay-ms"
        )


def _read(source: Source, options: Options, earlier: ModelSpec | None) -> ServedModel:
    """Read what a model is: from options, its files, its earlier versions, its graph and photographs."""
    facts = options.stated()
    if earlier:
        inherit_limits(facts, earlier, name=options.name)
    return read_model(
        source,
        facts,
        crop=options.crop,
        inherit=lambda known: inherit(known, earlier, source, name=options.name) if earlier else None,
    )


def _report(served: ServedModel, earlier: ModelSpec | None) -> Iterator[Message]:
    facts: Facts = served.inspection.facts
    yield Message("facts", facts_table.table(facts), facts_table.as_json(facts))
    others = other_labels(served, earlier) if earlier else ()
    for warning in (*served.inspection.warnings, *others):
        yield Message("warnings", warning, warning)
    for note in served.notes:
        yield Message("notes", note, note)


def _version(
    served: ServedModel, options: Options, existing: ExistingModel, repositories: Repositories, placed: Placement
) -> ModelVersion:
    if existing.exists:
        return next_model(served, options, existing, placed)
    return new_model(served, options, repositories, placed)


def _raw_version(
    source: Source, options: Options, existing: ExistingModel, repositories: Repositories, placed: Placement
) -> ModelVersion:
    if existing.exists:
        return next_raw_model(source, existing, placed)
    return new_raw_model(source, options, repositories, placed)


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
            if GPU_FILE in reason:
                reason += "; the server has a profile for GPUs: add the model with --gpu"
            raise ModelFileError(f"nothing is added, because {url} does not serve the model: {reason}") from error
    raise RepositoryError(
        f"the model is added, but {url} serves other repositories; start a server of these with scripts/serve"
    )


def _first_answer(client: Client, url: str, version: ModelVersion) -> str:
    if version.proof is None:
        return f"{version.model_name} is ready: {url}/v2/models/{version.model_name}"
    if not version.is_live:
        outputs = client.infer(version.model_name, version.proof.inputs, model_version=str(version.version))
        return answers.described(outputs, version.proof.task, origin=f"at {url}")
    answer = first_answer.answered(client, version.ensemble, version.proof.task)
    return f"{answer}\n\n{first_answer.curl(url, version.ensemble)}"
