"""What a server tells of its models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from cronnx._errors import InvalidInput

Json: TypeAlias = Mapping[str, Any]
"""An answer of the server. gRPC's leaves fields out that are 0 or empty, and gives 64-bit integers as text."""

NEWEST = "-1"
"""The version that stands for the newest in an ensemble's step."""

_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]*")


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One version of one model in the server's repository.

    Attributes:
        name: The model's name.
        version: The version, or empty where the model was never loaded.
        state: `READY`, `LOADING`, `UNLOADING` or `UNAVAILABLE`; empty where the model was never loaded.
        reason: Why the model is in this state; often empty.
    """

    name: str
    version: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input or output of a model.

    Attributes:
        name: The tensor's name.
        datatype: As the protocol names it: `FP32`, `UINT8`, `BYTES`...
        shape: Its dimensions, the batch's included; -1 where any size goes.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StepInfo:
    """One step of an ensemble.

    Attributes:
        model_name: The model it runs.
        model_version: The version it pins; -1 for the newest.
    """

    model_name: str
    model_version: str

    def __str__(self) -> str:
        return f"{self.model_name}/{self.model_version}"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model takes and gives.

    Attributes:
        name: The model's name.
        versions: The versions that are loaded.
        platform: The kind of the model, such as `ensemble` or `onnxruntime_onnx`; may be empty.
        backend: The backend that runs it; empty for an ensemble.
        max_batch_size: The largest batch; 0 for a model that does not batch.
        inputs: The tensors it takes.
        outputs: The tensors it gives.
        steps: The models that an ensemble runs; empty for any other.
    """

    name: str
    versions: tuple[str, ...]
    platform: str
    backend: str
    max_batch_size: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    steps: tuple[StepInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelStatistics:
    """What one version of a model has done since it was loaded; the times are sums over all requests, in ns.

    Attributes:
        name: The model's name.
        version: The version.
        inference_count: Inferences: every element of a batch counts.
        execution_count: Runs of the model: a batch counts once.
        last_inference_ms: When it was last used, in milliseconds since 1970; 0 for never.
        success_count: Requests answered.
        success_ns: Time they took.
        fail_count: Requests refused.
        fail_ns: Time they took.
        queue_ns: Time requests waited for the model.
        compute_input_ns: Time spent on preparing the inputs.
        compute_infer_ns: Time spent in the model.
        compute_output_ns: Time spent on taking the outputs out.
        batch_sizes: How many runs there were by the size of their batch.
    """

    name: str
    version: str
    inference_count: int
    execution_count: int
    last_inference_ms: int
    success_count: int
    success_ns: int
    fail_count: int
    fail_ns: int
    queue_ns: int
    compute_input_ns: int
    compute_infer_ns: int
    compute_output_ns: int
    batch_sizes: Mapping[int, int]


def model_status(entry: Json) -> ModelStatus:
    """Read one entry of the repository's index."""
    return ModelStatus(*(str(entry.get(key, "")) for key in ("name", "version", "state", "reason")))


def model_info(metadata: Json, config: Json) -> ModelInfo:
    """Put together what the server says of a model in two places."""
    return ModelInfo(
        name=metadata["name"],
        versions=tuple(metadata.get("versions", ())),
        platform=metadata.get("platform", ""),
        backend=config.get("backend", ""),
        max_batch_size=int(config.get("max_batch_size", 0)),
        inputs=_tensors(metadata.get("inputs", ())),
        outputs=_tensors(metadata.get("outputs", ())),
        steps=steps(config),
    )


def steps(config: Json) -> tuple[StepInfo, ...]:
    """Name the models that an ensemble's configuration runs, in its order; none for any other model."""
    described = config.get("ensemble_scheduling", {}).get("step", ())
    return tuple(StepInfo(step["model_name"], str(step.get("model_version", NEWEST))) for step in described)


def model_statistics(entry: Json) -> ModelStatistics:
    """Read the statistics of one version of a model."""
    durations = entry.get("inference_stats", {})

    def duration(name: str, field: str) -> int:
        return int(durations.get(name, {}).get(field, 0))

    return ModelStatistics(
        name=entry["name"],
        version=str(entry.get("version", "")),
        inference_count=int(entry.get("inference_count", 0)),
        execution_count=int(entry.get("execution_count", 0)),
        last_inference_ms=int(entry.get("last_inference", 0)),
        success_count=duration("success", "count"),
        success_ns=duration("success", "ns"),
        fail_count=duration("fail", "count"),
        fail_ns=duration("fail", "ns"),
        queue_ns=duration("queue", "ns"),
        compute_input_ns=duration("compute_input", "ns"),
        compute_infer_ns=duration("compute_infer", "ns"),
        compute_output_ns=duration("compute_output", "ns"),
        batch_sizes=_batch_sizes(entry.get("batch_stats", ())),
    )


def _tensors(described: Iterable[Json]) -> tuple[TensorInfo, ...]:
    return tuple(
        TensorInfo(name=tensor["name"], datatype=tensor["datatype"], shape=tuple(map(int, tensor.get("shape", ()))))
        for tensor in described
    )


def _batch_sizes(entries: Iterable[Json]) -> dict[int, int]:
    return {int(entry["batch_size"]): int(entry.get("compute_infer", {}).get("count", 0)) for entry in entries}


def check_name(model_name: str) -> None:
    """Raise InvalidInput where a name is a path, which may lead elsewhere in a URL or in a server's files."""
    if model_name in (".", "..") or not _NAME.fullmatch(model_name):
        raise InvalidInput(f"model_name is {model_name!r}, expected a name, not a path")


def checked_version(model_version: str) -> str:
    """Give the version back.

    Raises:
        InvalidInput: It is neither a number, as Triton's versions are, nor empty.
    """
    if model_version and not model_version.isdecimal():
        raise InvalidInput(f"model_version is {model_version!r}, expected a number as text, or empty for the newest")
    return model_version
