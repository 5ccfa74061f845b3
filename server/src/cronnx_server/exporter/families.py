"""A server's statistics as families of Prometheus metrics.

Source: https://prometheus.io/docs/instrumenting/writing_exporters
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

from cronnx_server.exporter.models import Server

# Powers of two and what is half-way between, so that every `max_batch_size` in use is the edge of a bucket.
BATCH_SIZE_BUCKETS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)


def families(server: Server) -> Iterator[Metric]:
    """Everything that is exported of a server."""
    ready = GaugeMetricFamily("server_ready", "Whether the server says that it is ready")
    ready.add_metric([], float(server.is_ready))
    yield ready
    yield _model_ready(server)
    yield _batch_size(server)
    yield _model_info(server)
    yield _ensemble_step(server)


def cumulative(batches: Mapping[int, int]) -> list[tuple[str, float]]:
    """The histogram of batches by size: for the edge of each bucket, how many are no larger."""
    edges = [*BATCH_SIZE_BUCKETS, float("inf")]
    return [(_edge(edge), float(sum(n for size, n in batches.items() if size <= edge))) for edge in edges]


def _edge(edge: float) -> str:
    return "+Inf" if edge == float("inf") else str(float(edge))


def _model_ready(server: Server) -> Metric:
    family = GaugeMetricFamily(
        "model_ready", "Whether a version that was asked for is loaded", labels=["model", "version"]
    )
    for model, is_ready in server.ready.items():
        family.add_metric([model.name, model.version], float(is_ready))
    return family


def _batch_size(server: Server) -> Metric:
    family = HistogramMetricFamily("batch_size", "Batches that a model has run, by size", labels=["model", "version"])
    for model, batches in server.batches.items():
        rows = float(sum(size * count for size, count in batches.items()))
        family.add_metric([model.name, model.version], cumulative(batches), sum_value=rows)
    return family


def _model_info(server: Server) -> Metric:
    family = GaugeMetricFamily("model_info", "What kind of model a name stands for", labels=["model", "kind"])
    for name, steps in server.steps.items():
        family.add_metric([name, "ensemble" if steps else "model"], 1.0)
    return family


def _ensemble_step(server: Server) -> Metric:
    family = GaugeMetricFamily("ensemble_step", "The place of a model in an ensemble", labels=["ensemble", "model"])
    for name, steps in server.steps.items():
        for place, step in enumerate(steps, start=1):
            family.add_metric([name, step], float(place))
    return family
