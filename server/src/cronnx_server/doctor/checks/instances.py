"""How many instances of a model a server runs, and where."""

from __future__ import annotations

from tritonclient.grpc.model_config_pb2 import ModelInstanceGroup

from cronnx_server.doctor.machine import Machine
from cronnx_server.doctor.repositories import Model

ONNXRUNTIME_ON_A_CPU = 2
"""What core makes of an ONNX model for which no count is given.

Source: `SetDefaultInstanceCount` in model_config_utils.cc of triton-inference-server/core.
"""


def cpu_instances(model: Model, machine: Machine) -> int:
    """Instances of one version on the CPU."""
    return sum(_count(model, group) for group in _groups(model) if _on_cpu(group, machine))


def all_instances(model: Model, machine: Machine) -> int:
    """Instances of one version, on the CPU and on every GPU."""
    on_gpus = [group for group in _groups(model) if not _on_cpu(group, machine)]
    return cpu_instances(model, machine) + sum(
        max(int(group.count), 1) * (len(group.gpus) or machine.gpus) for group in on_gpus
    )


def _groups(model: Model) -> list[ModelInstanceGroup]:
    return list(model.config.instance_group) or [ModelInstanceGroup()]


def _on_cpu(group: ModelInstanceGroup, machine: Machine) -> bool:
    automatic = group.kind == ModelInstanceGroup.KIND_AUTO and not machine.gpus
    return automatic or group.kind in (ModelInstanceGroup.KIND_CPU, ModelInstanceGroup.KIND_MODEL)


def _count(model: Model, group: ModelInstanceGroup) -> int:
    default = ONNXRUNTIME_ON_A_CPU if model.backend == "onnxruntime" else 1
    return int(group.count or default)
