"""The reports' plots, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.svg import svg
from stress_tests.overload import ACCEPTED, REFUSED, Overload
from stress_tests.soak import Sample

SIZE_INCHES = (9.0, 2.6)
KINDS = {"results": ACCEPTED, "refusals": REFUSED}


def overload_plots(overload: Overload) -> list[str]:
    """Answers by the second they were sent in: how many, and the slowest."""
    rates, latencies = _axes("a second"), _axes("slowest, in ms")
    for name, status in KINDS.items():
        by_second: dict[int, list[float]] = {}
        for sent, ended, found in overload.outcome.answers:
            if found == status:
                by_second.setdefault(int(sent), []).append(1000 * (ended - sent))
        seconds = sorted(by_second)
        rates.plot(seconds, [len(by_second[second]) for second in seconds], label=name)
        latencies.plot(seconds, [max(by_second[second]) for second in seconds], label=name)
    rates.axhline(overload.peak_per_s, linestyle="--", color="grey", linewidth=1, label="peak")
    latencies.set_yscale("log")
    for axes in (rates, latencies):
        axes.set_xlabel("seconds")
    return [svg(rates), svg(latencies)]


def soak_plots(samples: Sequence[Sample]) -> list[str]:
    """What the server takes, and how fast it answers, over the requests it has had."""
    quantities = {
        "memory, MB": {"": [each.pss_bytes / 1e6 for each in samples]},
        "shared memory, MB": {"": [each.shared_memory_bytes / 1e6 for each in samples]},
        "descriptors": {"": [float(each.descriptors) for each in samples]},
        "latency, ms": {
            "median": [1000 * each.p50_s for each in samples],
            "99th percentile": [1000 * each.p99_s for each in samples],
        },
    }
    return [_over_requests(samples, quantity, curves) for quantity, curves in quantities.items()]


def _over_requests(samples: Sequence[Sample], quantity: str, curves: dict[str, list[float]]) -> str:
    axes = _axes(quantity)
    for label, values in curves.items():
        axes.plot([each.requests for each in samples], values, marker=".", label=label or quantity)
    axes.set_ylim(0, 1.1 * float(np.nanmax([*curves.values()])))
    axes.set_xlabel("requests")
    return svg(axes)


def _axes(quantity: str) -> Axes:
    axes = Figure(SIZE_INCHES).subplots()
    axes.set_ylabel(quantity)
    return axes
