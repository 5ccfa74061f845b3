"""Facts of a model configuration, given as Triton's JSON has it: `GET /v2/models/NAME/config`.

The standard library suffices: the health check of a container imports this module.
Source: `protobuf/model_config.proto` of triton-inference-server/common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

ModelConfigJson: TypeAlias = Mapping[str, Any]

ELEMENT_BYTES = {
    **dict.fromkeys(("TYPE_BOOL", "TYPE_UINT8", "TYPE_INT8"), 1),
    **dict.fromkeys(("TYPE_UINT16", "TYPE_INT16", "TYPE_FP16", "TYPE_BF16"), 2),
    **dict.fromkeys(("TYPE_UINT32", "TYPE_INT32", "TYPE_FP32"), 4),
    **dict.fromkeys(("TYPE_UINT64", "TYPE_INT64", "TYPE_FP64"), 8),
}
"""The bytes of one element by data type; strings have no fixed size."""

THREAD_PARAMETERS = {"onnxruntime": "intra_op_thread_count", "preprocess": "threads"}
"""The parameter that sets the threads of an instance, by backend; 0 leaves it to the backend."""

_DEFAULT_CPU_COUNTS = {"onnxruntime": 2}
"""Instances on a CPU if no count is given and the default is not 1.

Source: `SetDefaultInstanceCount` in model_config_utils.cc of triton-inference-server/core.
"""


def ensemble_steps(config: ModelConfigJson) -> list[str]:
    """The names of the models that an ensemble runs, in order; empty for any other model."""
    return [step["model_name"] for step in config.get("ensemble_scheduling", {}).get("step", ())]


def parameter(config: ModelConfigJson, name: str) -> str:
    """A parameter of a configuration; empty if there is none."""
    return str(config.get("parameters", {}).get(name, {}).get("string_value", ""))


def pinned_version(config: ModelConfigJson) -> str:
    """The version that an ensemble's steps pin; empty if they pin none or several, and for any other model."""
    steps = config.get("ensemble_scheduling", {}).get("step", ())
    versions = {str(step.get("model_version", -1)) for step in steps} - {"-1"}
    return versions.pop() if len(versions) == 1 else ""


def arms(config: ModelConfigJson) -> str:
    """The arms of a router, as its parameter says; empty for any other model."""
    return parameter(config, "arms") if config.get("backend") == "router" else ""


def cpu_instances(config: ModelConfigJson, *, gpus: int = 0) -> int:
    """The number of instances of one version that run on the CPU of a machine with `gpus` GPUs."""
    default = _DEFAULT_CPU_COUNTS.get(config.get("backend", ""), 1)
    return sum(int(group.get("count", 0)) or default for group in _groups(config) if _is_on_cpu(group, gpus))


def instance_count(config: ModelConfigJson, *, gpus: int = 0) -> int:
    """The number of instances of one version on a machine with `gpus` GPUs, at least 1."""
    on_gpus = sum(
        max(int(group.get("count", 0)), 1) * (len(group.get("gpus", ())) or gpus)
        for group in _groups(config)
        if not _is_on_cpu(group, gpus)
    )
    return max(1, cpu_instances(config, gpus=gpus) + on_gpus)


def _groups(config: ModelConfigJson) -> Sequence[Mapping[str, Any]]:
    return config.get("instance_group") or [{}]


def _is_on_cpu(group: Mapping[str, Any], gpus: int) -> bool:
    kind = group.get("kind", "KIND_AUTO")
    return kind in ("KIND_CPU", "KIND_MODEL") or (kind == "KIND_AUTO" and not gpus and not group.get("gpus"))
