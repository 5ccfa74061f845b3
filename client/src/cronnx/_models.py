"""Models as a server describes them: states, inputs and outputs, steps, statistics."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cronnx._errors import InvalidInput
from cronnx._tasks import task_of
from cronnx._transports.base import Json

NEWEST = "-1"
"""The version that means the newest in an ensemble's step."""

ROUTER, ARMS = "router", "arms"
"""The backend of routers, and the parameter with their arms."""

CONFIGURED = "configured"
"""The parameter that keeps what a model's file says while a promotion or a split replaces it."""

_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]*")


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One version of one model in the server's repository.

    Attributes:
        name: The model's name.
        version: The version; empty if the model was never loaded.
        state: `READY`, `LOADING`, `UNLOADING` or `UNAVAILABLE`; empty if the model was never loaded.
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
        datatype: The datatype on the wire: `FP32`, `UINT8`, `BYTES`...
        shape: The tensor's dimensions, the batch's included; -1 for any size.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StepInfo:
    """One step of an ensemble.

    Attributes:
        model_name: The model that the step runs.
        model_version: The version that the step pins; -1 for the newest.
    """

    model_name: str
    model_version: str

    def __str__(self) -> str:
        return f"{self.model_name}/{self.model_version}"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A loaded model and its inputs and outputs.

    Attributes:
        name: The model's name.
        versions: The loaded versions.
        platform: The model's platform, such as `ensemble` or `onnxruntime_onnx`; may be empty.
        backend: The backend that runs the model; empty for an ensemble.
        max_batch_size: The largest batch; 0 for a model without batching.
        inputs: The model's inputs.
        outputs: The model's outputs.
        steps: The steps of an ensemble; empty for any other model.
        task: What the model answers, such as `detection`; empty if it is not an ensemble for images.
        arms: The weights of a router's arms, by `MODEL/VERSION`; empty for any other model.
        configured: The version or the arms of the model's file, if a promotion or a split replaces them; else empty.
    """

    name: str
    versions: tuple[str, ...]
    platform: str
    backend: str
    max_batch_size: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    steps: tuple[StepInfo, ...] = ()
    task: str = ""
    arms: Mapping[str, float] = field(default_factory=dict)
    configured: str = ""


@dataclass(frozen=True, slots=True)
class ModelStatistics:
    """What one version of a model has done since it was loaded. Times are sums over all requests.

    Attributes:
        name: The model's name.
        version: The version.
        inference_count: The number of inferences; each element of a batch counts.
        execution_count: The number of executions; a batch counts once.
        last_inference_ms: The time of the last inference, in milliseconds since 1970; 0 for none.
        success_count: The number of requests that succeeded.
        success_ns: The duration of the requests that succeeded, in nanoseconds.
        fail_count: The number of requests that failed.
        fail_ns: The duration of the requests that failed, in nanoseconds.
        queue_ns: The time that requests waited in the queue, in nanoseconds.
        compute_input_ns: The time to prepare the inputs, in nanoseconds.
        compute_infer_ns: The time to execute the model, in nanoseconds.
        compute_output_ns: The time to extract the outputs, in nanoseconds.
        batch_sizes: The number of executions by batch size.
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
    """Read one entry of the repository index."""
    return ModelStatus(*(str(entry.get(key, "")) for key in ("name", "version", "state", "reason")))


def model_info(metadata: Json, config: Json) -> ModelInfo:
    """Combine a model's metadata with its configuration."""
    return ModelInfo(
        name=metadata["name"],
        versions=tuple(metadata.get("versions", ())),
        platform=metadata.get("platform", ""),
        backend=config.get("backend", ""),
        max_batch_size=int(config.get("max_batch_size", 0)),
        inputs=_tensors(metadata.get("inputs", ())),
        outputs=_tensors(metadata.get("outputs", ())),
        steps=steps(config),
        task=task_of(config),
        arms=arm_weights(parameter(config, ARMS)) if config.get("backend") == ROUTER else {},
        configured=_replaced(config),
    )


def _replaced(config: Json) -> str:
    """Return what a model's file says, if a promotion or a split replaces it."""
    configured = parameter(config, CONFIGURED)
    in_force = {parameter(config, ARMS), *(step.model_version for step in steps(config))}
    return "" if configured in in_force else configured


def parameter(config: Json, name: str) -> str:
    """Read a parameter of a configuration; empty if there is none."""
    return str(config.get("parameters", {}).get(name, {}).get("string_value", ""))


def with_parameters(config: Json, **values: str) -> dict[str, Any]:
    """Return a configuration with other parameters; an empty value removes one."""
    kept = {name: value for name, value in config.get("parameters", {}).items() if name not in values}
    return {**config, "parameters": {**kept, **{name: {"string_value": text} for name, text in values.items() if text}}}


def arm_weights(text: str) -> dict[str, float]:
    """Read the weights of a router's arms, by `MODEL/VERSION`."""
    return {arm: float(weight) for arm, _, weight in (word.partition("=") for word in text.split())}


def steps(config: Json) -> tuple[StepInfo, ...]:
    """Read the steps of an ensemble from its configuration, in their order; empty for any other model."""
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
    """Check that a model's name cannot lead elsewhere in a URL or in the server's files.

    Raises:
        InvalidInput: The name is a path, or not text.
    """
    if not isinstance(model_name, str) or model_name in (".", "..") or not _NAME.fullmatch(model_name):
        raise InvalidInput(f"model_name: expected a name, not a path; got {model_name!r}")


def checked_version(model_version: str | int) -> str:
    """Return a version that Triton can have, as text.

    Raises:
        InvalidInput: The version is neither empty nor a number.
    """
    text = str(model_version)
    is_number = text.isascii() and text.isdecimal() and not isinstance(model_version, bool)
    if model_version == "" or is_number:
        return text
    raise InvalidInput(f"model_version: expected a number, or empty for the newest; got {model_version!r}")
