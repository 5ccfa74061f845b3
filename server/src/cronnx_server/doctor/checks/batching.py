"""That batch sizes, delays and queues fit each other."""

from __future__ import annotations

from collections.abc import Iterator

from cronnx_server.doctor.findings import Finding, error, warning
from cronnx_server.doctor.repositories import Model, Repositories


def check(repositories: Repositories) -> Iterator[Finding]:
    """Findings about batches."""
    for ensemble in repositories.ensembles:
        yield from _steps(ensemble, repositories)
    for model in repositories.steps:
        yield from _batcher(model)
        yield from _queue(model)


def _steps(ensemble: Model, repositories: Repositories) -> Iterator[Finding]:
    largest = ensemble.config.max_batch_size
    for step in ensemble.config.ensemble_scheduling.step:
        model = repositories.by_name.get(step.model_name)
        if model and 0 < model.config.max_batch_size < largest:
            yield error(
                ensemble.config_path,
                f"max_batch_size is {largest}, its step {model.name} takes {model.config.max_batch_size}",
                f"Write {model.config.max_batch_size} here, or raise it in {model.config_path}.",
            )


def _batcher(model: Model) -> Iterator[Finding]:
    largest, batching = model.config.max_batch_size, model.config.HasField("dynamic_batching")
    if largest > 1 and not batching and not model.config.HasField("sequence_batching"):
        yield warning(
            model.config_path,
            f"max_batch_size is {largest}, but nothing puts requests together",
            "Add dynamic_batching { }, or say max_batch_size: 1.",
        )
    if largest <= 1 and batching:
        yield warning(
            model.config_path,
            f"dynamic_batching has no effect where max_batch_size is {largest}",
            "Raise max_batch_size, or take dynamic_batching out.",
        )
    for size in model.config.dynamic_batching.preferred_batch_size:
        if not 0 < size <= largest:
            yield error(
                model.config_path,
                f"preferred_batch_size {size} is not among 1 to max_batch_size, {largest}",
                "Take it out, or raise max_batch_size.",
            )


def _queue(model: Model) -> Iterator[Finding]:
    batching = model.config.dynamic_batching
    delay_us = batching.max_queue_delay_microseconds
    if delay_us and 1 in batching.preferred_batch_size:
        yield warning(
            model.config_path,
            f"max_queue_delay_microseconds {delay_us} has no effect: a batch of 1 is preferred, and never waits",
            "Take the 1 out of preferred_batch_size, or the delay.",
        )
    if batching.HasField("default_queue_policy") or batching.priority_levels:
        yield warning(
            model.config_path,
            "a queue policy ends Triton's prefetching: between two batches the instance may idle for half a second",
            "Take default_queue_policy and priority_levels out; preprocess bounds its queue itself: docs/overload.md.",
        )
