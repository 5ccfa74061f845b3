"""The state of a server, and the Prometheus metrics that describe it.

Source: https://prometheus.io/docs/instrumenting/writing_exporters
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

# Powers of two and the sizes half-way between, so that every `max_batch_size` in use is the edge of a bucket.
BATCH_SIZE_BUCKETS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)


class ModelVersion(NamedTuple):
    """One version of a model; the version is a number as text."""

    name: str
    version: str


@dataclass(frozen=True)
class ServerState:
    """A server at one moment.

    Attributes:
        is_ready: Whether the server is ready.
        ready: Whether each version is ready, without those that were unloaded or never loaded.
        batches: How many batches of each size each version ran, warm-ups included and cached answers not.
        steps: The models that each loaded ensemble runs, in order; empty for any other loaded model.
        problem: Why a part of this is missing; empty if nothing is.
    """

    is_ready: bool = False
    ready: Mapping[ModelVersion, bool] = field(default_factory=dict)
    batches: Mapping[ModelVersion, Mapping[int, int]] = field(default_factory=dict)
    steps: Mapping[str, Sequence[str]] = field(default_factory=dict)
    problem: str = ""


def metrics(state: ServerState) -> Iterator[Metric]:
    """All metrics of a server."""
    ready = GaugeMetricFamily("server_ready", "Whether the server is ready")
    ready.add_metric([], float(state.is_ready))
    yield ready
    yield _model_ready(state)
    yield _batch_size(state)
    yield _model_info(state)
    yield _ensemble_step(state)


def cumulative(batches: Mapping[int, int]) -> list[tuple[str, float]]:
    """The buckets of a histogram of batch sizes: for each edge, how many batches are no larger."""
    edges = [*BATCH_SIZE_BUCKETS, float("inf")]
    return [(_edge(edge), float(sum(n for size, n in batches.items() if size <= edge))) for edge in edges]


def _edge(edge: float) -> str:
    return "+Inf" if edge == float("inf") else str(float(edge))


def _model_ready(state: ServerState) -> Metric:
    metric = GaugeMetricFamily("model_ready", "Whether a version is ready", labels=["model", "version"])
    for model, is_ready in state.ready.items():
        metric.add_metric([*model], float(is_ready))
    return metric


def _batch_size(state: ServerState) -> Metric:
    metric = HistogramMetricFamily("batch_size", "Batches that a model has run, by size", labels=["model", "version"])
    for model, batches in state.batches.items():
        rows = float(sum(size * count for size, count in batches.items()))
        metric.add_metric([*model], cumulative(batches), sum_value=rows)
    return metric


def _model_info(state: ServerState) -> Metric:
    metric = GaugeMetricFamily("model_info", "Whether a name is a model or an ensemble", labels=["model", "kind"])
    for name, steps in state.steps.items():
        metric.add_metric([name, "ensemble" if steps else "model"], 1.0)
    return metric


def _ensemble_step(state: ServerState) -> Metric:
    metric = GaugeMetricFamily("ensemble_step", "The position of a model in an ensemble", labels=["ensemble", "model"])
    for name, steps in state.steps.items():
        for position, step in enumerate(steps, start=1):
            metric.add_metric([name, step], float(position))
    return metric
