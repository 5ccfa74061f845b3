"""The ways to run a model that are compared, and the repository of each."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelInstanceGroup

from cronnx_lab.errors import MeasurementError
from cronnx_onnxruntime.errors import ConfigError as NetworkConfigError
from cronnx_onnxruntime.providers import CPU, CUDA, TENSORRT, providers
from cronnx_preprocess import ConfigError, Options
from cronnx_server import repository
from cronnx_server.paths import ENSEMBLES, MODEL_REPOSITORY

CORES_A_PROCESS = 5
"""A Python process decodes about as much as five cores do: docs/scaling.md."""


MAX_QUEUE_SIZE = 1024
"""Pictures that may wait: the load is to be answered, not refused."""


class Way(Enum):
    """Where a model's network runs, and where its pictures are decoded."""

    CPU = "CPU, decoded on the CPU"
    GPU = "GPU, decoded on the CPU"
    GPU_DECODING = "GPU, decoded on the GPU"

    @property
    def needs_gpu(self) -> bool:
        """Whether it runs on a machine with a GPU alone."""
        return self is not Way.CPU


def write_repository(folder: Path, way: Way, ensembles: Sequence[str], *, profile: str, cores: int) -> None:
    """Write a repository with the steps of some ensembles; the versions and warm-up data become links.

    Args:
        folder: The repository.
        way: How to run the steps.
        ensembles: Their names in the project.
        profile: The profile of the networks on a GPU; empty for the default.
        cores: The cores of the machine, by which processes that decode are counted.

    Raises:
        MeasurementError: A configuration cannot be served that way.
    """
    for step in _steps(ensembles):
        model, target = MODEL_REPOSITORY / step, folder / step
        config = repository.read_config(model, profile=profile if way.needs_gpu else None)
        if config.backend == "preprocess":
            config = repository.read_config(model, profile="gpu_decoding" if way is Way.GPU_DECODING else None)
            config.parameters["max_queue_size"].string_value = str(MAX_QUEUE_SIZE)
            if way is not Way.GPU_DECODING:
                config.instance_group[0].count = -(-cores // CORES_A_PROCESS)
        else:
            _place(config, way)
        _check(config, way)
        target.mkdir(parents=True)
        for entry in model.iterdir():
            if entry.name not in ("config.pbtxt", "configs"):
                (target / entry.name).symlink_to(entry.resolve())
        (target / "config.pbtxt").write_text(text_format.MessageToString(config))


def _steps(ensembles: Sequence[str]) -> list[str]:
    configs = [repository.read_config(ENSEMBLES / name) for name in ensembles]
    return list(dict.fromkeys(step for config in configs for step in repository.steps(config)))


def _place(network: ModelConfig, way: Way) -> None:
    """Run a network on the GPU, or on the CPU without its accelerators."""
    for group in network.instance_group:
        group.kind = ModelInstanceGroup.KIND_GPU if way.needs_gpu else ModelInstanceGroup.KIND_CPU
    if not way.needs_gpu:
        network.ClearField("optimization")


def _check(config: ModelConfig, way: Way) -> None:
    """Have the backend of a step check its configuration, without a server."""
    fields = repository.as_json(config)
    try:
        if config.backend == "preprocess":
            Options.from_model_config(fields)
        else:
            kind = "GPU" if way.needs_gpu else "CPU"
            providers(fields, kind=kind, device_id=0, available=[TENSORRT, CUDA, CPU])
    except (ConfigError, NetworkConfigError) as error:
        raise MeasurementError(f"{config.name} cannot run as '{way.value}': {error}") from error
