"""The plots of a soak test's page, as SVG elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from cronnx_lab.report import svg
from cronnx_lab.soak.samples import Sample

SIZE_INCHES = (9.0, 2.6)


def by_requests(samples: Sequence[Sample]) -> list[str]:
    """Memory, descriptors and latency of the server, by the number of requests so far."""
    latency_ms = {
        "median": [1000 * each.p50_s for each in samples],
        "99th percentile": [1000 * each.p99_s for each in samples],
    }
    return [
        _plot(samples, "memory, MB", {"memory": [each.own_bytes / 1e6 for each in samples]}),
        _plot(samples, "shared memory, MB", {"shared memory": [each.shared_memory_bytes / 1e6 for each in samples]}),
        _plot(samples, "descriptors", {"descriptors": [float(each.descriptors) for each in samples]}),
        _plot(samples, "latency, ms", latency_ms),
    ]


def _plot(samples: Sequence[Sample], quantity: str, curves: Mapping[str, Sequence[float]]) -> str:
    axes = Figure(SIZE_INCHES).subplots()
    for label, values in curves.items():
        axes.plot([each.requests for each in samples], values, marker=".", label=label)
    axes.set_ylim(0, 1.1 * float(np.nanmax([*curves.values()])))
    axes.set_xlabel("requests")
    axes.set_ylabel(quantity)
    return svg(axes)
