"""The reports' plots, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cronnx_lab.overload.rounds import ACCEPTED, REFUSED, Overload
from cronnx_lab.soak.samples import Sample
from cronnx_lab.svg import svg

SIZE_INCHES = (9.0, 2.6)
KINDS = {"results": ACCEPTED, "refusals": REFUSED}


def overload_plots(rounds: Sequence[Overload]) -> list[str]:
    """Answers by the second of overload they were sent in, one round after the other: how many, and the slowest."""
    rates, latencies = _axes("a second"), _axes("slowest, in ms")
    for name, status in KINDS.items():
        by_second = _by_second(rounds, status)
        rates.plot(list(by_second), [len(found) for found in by_second.values()], label=name)
        latencies.plot(list(by_second), [1000 * max(found) for found in by_second.values()], label=name)
    spans = [(number * each.seconds, each) for number, each in enumerate(rounds)]
    times = [time for start, each in spans for time in (start, start + each.seconds)]
    rates.plot(times, [peak for each in rounds for peak in each.peaks_per_s], "--", color="grey", label="peak")
    latencies.set_yscale("log")
    for axes in (rates, latencies):
        axes.set_xlabel("seconds")
    return [svg(rates), svg(latencies)]


def _by_second(rounds: Sequence[Overload], status: int) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {}
    for number, each in enumerate(rounds):
        for sent, ended, status_found in each.outcome.answers:
            if status_found == status:
                found.setdefault(int(number * each.seconds + sent), []).append(ended - sent)
    return dict(sorted(found.items()))


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
