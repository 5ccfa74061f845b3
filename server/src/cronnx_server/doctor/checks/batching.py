"""Checks that batch sizes, delays and queues fit each other."""

from __future__ import annotations

from collections.abc import Iterator

from cronnx_server.doctor.findings import Finding, error, warning
from cronnx_server.doctor.repositories import Model, Repositories


def check(repositories: Repositories) -> Iterator[Finding]:
    """Find batch sizes that no step takes, and settings of the batcher without effect."""
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
                f"max_batch_size is {largest}, but its step {model.name} takes at most {model.config.max_batch_size}",
                f"Write {model.config.max_batch_size} here, or raise it in {model.config_path}.",
            )


def _batcher(model: Model) -> Iterator[Finding]:
    largest, batching = model.config.max_batch_size, model.config.HasField("dynamic_batching")
    if largest > 1 and not batching and not model.config.HasField("sequence_batching"):
        yield warning(
            model.config_path,
            f"max_batch_size is {largest}, but no batcher combines requests",
            "Add dynamic_batching { }, or write max_batch_size: 1.",
        )
    if largest <= 1 and batching:
        yield warning(
            model.config_path,
            f"dynamic_batching has no effect with max_batch_size {largest}",
            "Raise max_batch_size, or remove dynamic_batching.",
        )
    for size in model.config.dynamic_batching.preferred_batch_size:
        if not 0 < size <= largest:
            yield error(
                model.config_path,
                f"preferred_batch_size {size} is not from 1 to max_batch_size, {largest}",
                "Remove it, or raise max_batch_size.",
            )


def _queue(model: Model) -> Iterator[Finding]:
    batching = model.config.dynamic_batching
    delay_us = batching.max_queue_delay_microseconds
    if delay_us and 1 in batching.preferred_batch_size:
        yield warning(
            model.config_path,
            f"max_queue_delay_microseconds {delay_us} has no effect: a preferred batch of 1 never waits",
            "Remove the 1 from preferred_batch_size, or the delay.",
        )
    if batching.HasField("default_queue_policy") or batching.priority_levels:
        yield warning(
            model.config_path,
            "a queue policy turns off Triton's prefetching: an instance may idle for half a second between batches",
            "Remove default_queue_policy and priority_levels; preprocess limits its queue itself: docs/overload.md.",
        )
