"""The plots of a load test's page, as SVG elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from cronnx_lab.loadtest.recording import Latencies, Second
from cronnx_lab.report import svg

Floats: TypeAlias = npt.NDArray[np.float64]

SIZE_INCHES = (9.0, 2.6)
NINES = (0, 50, 90, 99, 99.9, 99.99)
PERCENTS = 100 - 100 / np.logspace(0, 4, 200)
"""Half of the curve is beyond the 99th percentile: that is where servers differ."""


def by_percentile(curves: Mapping[str, Latencies]) -> str:
    """The latency that a share of the answers does not exceed, by curve; each nine has the same room."""
    axes = _axes("percentile", "latency, in ms")
    for name, latencies in curves.items():
        known = PERCENTS[100 - 100 / len(latencies) >= PERCENTS] if len(latencies) else PERCENTS[:0]
        axes.plot(_position(known), latencies.percentiles_ms(*known), label=name)
    _scale(axes)
    axes.set_xticks(_position(np.array(NINES, float)), [f"{each:g}" for each in NINES])
    return svg(axes)


def over_time(seconds: Sequence[Second], users: Sequence[int]) -> list[str]:
    """Answers, failures and users in each second, and the latencies of the answers that came in it."""
    rates, latencies = _axes("seconds", "a second"), _axes("seconds", "latency, in ms")
    times = range(len(seconds))
    rates.plot(times, [len(each.latencies) for each in seconds], label="answers")
    rates.plot(times, [each.failures for each in seconds], label="failures", color="tab:red")
    rates.step(times, users, "--", where="post", color="grey", label="users")
    for percent in (50, 95, 99):
        latencies.plot(times, [each.latencies.percentiles_ms(percent)[0] for each in seconds], label=f"p{percent}")
    _scale(latencies)
    return [svg(rates), svg(latencies)]


def _position(percents: Floats) -> Floats:
    position: Floats = -np.log10(1 - percents / 100)
    return position


def _scale(latencies: Axes) -> None:
    latencies.set_yscale("log")
    latencies.yaxis.set_major_formatter(LogFormatter())
    latencies.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))


def _axes(x: str, y: str) -> Axes:
    axes = Figure(SIZE_INCHES).subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return axes
