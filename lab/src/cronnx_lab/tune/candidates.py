"""The settings of a step that are tuned, and which of them are worth trying; they never change an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from cronnx_server import repository
from cronnx_server.model_config import THREAD_PARAMETERS, instance_count

DELAYS_US = (0, 1_000, 5_000)


@dataclass(frozen=True)
class Settings:
    """How a model runs.

    Attributes:
        instances: The number of instances, each a process.
        threads: Threads of an instance; 0 is one per core.
        max_queue_delay_microseconds: How long a request waits for others to join its batch.
        preferred_batch_size: Sizes of batches that run without further delay.
    """

    instances: int = 1
    threads: int = 0
    max_queue_delay_microseconds: int = 0
    preferred_batch_size: tuple[int, ...] = ()

    def __str__(self) -> str:
        """The settings in one line, for people."""
        threads = self.threads or "all"
        preferred = f", preferred {list(self.preferred_batch_size)}" if self.preferred_batch_size else ""
        return f"{self.instances} x {threads} threads, delay {self.max_queue_delay_microseconds} us{preferred}"


@dataclass(frozen=True)
class Candidate:
    """The settings of every step of an ensemble.

    Attributes:
        steps: Pairs of a model's name and its settings.
    """

    steps: tuple[tuple[str, Settings], ...]

    def settings(self, step: str) -> Settings:
        """The settings of one step."""
        return dict(self.steps)[step]

    def with_step(self, step: str, settings: Settings) -> Candidate:
        """A copy with other settings for one step."""
        return Candidate(tuple((name, settings if name == step else own) for name, own in self.steps))


def instances_and_threads(present: Settings, *, cores: int) -> list[Settings]:
    """One instance for all or half of the cores, two that share the cores, and one per core; the present ones first."""
    tried = {(1, cores), (1, max(1, cores // 2)), (min(2, cores), max(1, cores // 2)), (cores, 1)}
    return _unique(
        present,
        (
            replace(present, instances=instances, threads=0 if threads == cores else threads)
            for instances, threads in sorted(tried)
        ),
    )


def batching(present: Settings, *, max_batch_size: int, concurrency: int) -> list[Settings]:
    """Several delays, and the longest also with a preferred batch of half the possible size; the present ones first."""
    half = min(max_batch_size, concurrency) // 2
    tried = [replace(present, max_queue_delay_microseconds=us, preferred_batch_size=()) for us in DELAYS_US]
    if half > 1:
        tried.append(replace(tried[-1], preferred_batch_size=(half,)))
    return _unique(present, tried)


def settings_of(config: ModelConfig) -> Settings:
    """Read the settings of a model of one of the backends in `THREAD_PARAMETERS`."""
    parameter = THREAD_PARAMETERS[config.backend]
    threads = config.parameters[parameter].string_value if parameter in config.parameters else "0"
    return Settings(
        instances=instance_count(repository.as_json(config)),
        threads=int(threads),
        max_queue_delay_microseconds=config.dynamic_batching.max_queue_delay_microseconds,
        preferred_batch_size=tuple(config.dynamic_batching.preferred_batch_size),
    )


def with_settings(config: ModelConfig, settings: Settings) -> ModelConfig:
    """A copy of a configuration with other settings."""
    changed, present = ModelConfig(), settings_of(config)
    changed.CopyFrom(config)
    if settings.instances != present.instances:
        del changed.instance_group[1:]
        changed.instance_group or changed.instance_group.add()
        changed.instance_group[0].count = settings.instances
    if settings.threads != present.threads:
        changed.parameters[THREAD_PARAMETERS[config.backend]].string_value = str(settings.threads)
    if config.HasField("dynamic_batching"):
        changed.dynamic_batching.max_queue_delay_microseconds = settings.max_queue_delay_microseconds
        changed.dynamic_batching.preferred_batch_size[:] = settings.preferred_batch_size
    return changed


def differing_lines(config: ModelConfig, changed: ModelConfig) -> Iterator[str]:
    """The fields of `changed` that differ from `config`, each as a line of `config.pbtxt`."""
    for name in ("instance_group", "dynamic_batching", "parameters"):
        before, after = (_only(each, name) for each in (config, changed))
        if before != after:
            yield text_format.MessageToString(after, as_one_line=True)


def _unique(present: Settings, others: Iterable[Settings]) -> list[Settings]:
    return list(dict.fromkeys([present, *others]))


def _only(config: ModelConfig, name: str) -> ModelConfig:
    """A configuration of one field; of the parameters, it keeps those that are tuned."""
    only = ModelConfig()
    only.CopyFrom(config)
    for field, _ in config.ListFields():
        if field.name != name:
            only.ClearField(field.name)
    for key in set(only.parameters) - set(THREAD_PARAMETERS.values()):
        del only.parameters[key]
    return only
