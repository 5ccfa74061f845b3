"""What of a step's configuration is tuned: how it runs, never what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

# The parameter of a backend that says how many threads an instance has; 0 is one a core in both.
THREADS = {"onnxruntime": "intra_op_thread_count", "preprocess": "threads"}


@dataclass(frozen=True)
class Settings:
    """How a model runs.

    Attributes:
        instances: of the model, a process each.
        threads: of an instance; 0 is one a core.
        max_queue_delay_microseconds: how long a request waits for others.
        preferred_batch_size: batches that do not wait any longer.
    """

    instances: int = 1
    threads: int = 0
    max_queue_delay_microseconds: int = 0
    preferred_batch_size: tuple[int, ...] = ()

    def __str__(self) -> str:
        """For people, in one line."""
        threads = self.threads or "all"
        preferred = f", preferred {list(self.preferred_batch_size)}" if self.preferred_batch_size else ""
        return f"{self.instances} x {threads} threads, delay {self.max_queue_delay_microseconds} us{preferred}"


def settings_of(config: ModelConfig) -> Settings:
    """The settings of a step of one of the backends in `THREADS`."""
    text = config.parameters[THREADS[config.backend]].string_value if has_threads(config) else "0"
    return Settings(
        instances=sum(group.count or 1 for group in config.instance_group) or 1,
        threads=int(text),
        max_queue_delay_microseconds=config.dynamic_batching.max_queue_delay_microseconds,
        preferred_batch_size=tuple(config.dynamic_batching.preferred_batch_size),
    )


def has_threads(config: ModelConfig) -> bool:
    """Whether it says how many threads an instance has."""
    return THREADS[config.backend] in config.parameters


def with_settings(config: ModelConfig, settings: Settings) -> ModelConfig:
    """The configuration, changed where its settings are others."""
    changed, present = ModelConfig(), settings_of(config)
    changed.CopyFrom(config)
    if settings.instances != present.instances:
        del changed.instance_group[1:]
        changed.instance_group or changed.instance_group.add()
        changed.instance_group[0].count = settings.instances
    if settings.threads != present.threads:
        changed.parameters[THREADS[config.backend]].string_value = str(settings.threads)
    if config.HasField("dynamic_batching"):
        batching = changed.dynamic_batching
        batching.max_queue_delay_microseconds = settings.max_queue_delay_microseconds
        batching.preferred_batch_size[:] = settings.preferred_batch_size
    return changed


def differing_lines(config: ModelConfig, changed: ModelConfig) -> Iterator[str]:
    """The fields in which a configuration differs from another, each as a line of `config.pbtxt`."""
    for name in ("instance_group", "dynamic_batching", "parameters"):
        before, after = (_only(each, name) for each in (config, changed))
        if before != after:
            yield text_format.MessageToString(after, as_one_line=True)


def _only(config: ModelConfig, name: str) -> ModelConfig:
    """A configuration of this field alone; of the parameters, of those that are tuned."""
    only = ModelConfig()
    only.CopyFrom(config)
    for field, _ in config.ListFields():
        if field.name != name:
            only.ClearField(field.name)
    for key in set(only.parameters) - set(THREADS.values()):
        del only.parameters[key]
    return only
