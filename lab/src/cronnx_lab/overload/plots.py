"""The plots of an overload test's page, as SVG elements."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cronnx_lab.load.answers import OK, REFUSED
from cronnx_lab.overload.rounds import Overload
from cronnx_lab.report import svg

SIZE_INCHES = (9.0, 2.6)
STATUSES = {"results": OK, "refusals": REFUSED}


def over_time(rounds: Sequence[Overload]) -> list[str]:
    """Answers a second and the slowest latency, by the second of sending; the rounds follow one another."""
    rates, latencies = _axes("answers/s"), _axes("slowest, in ms")
    for name, status in STATUSES.items():
        by_second = _latencies_by_second(rounds, status)
        rates.plot(list(by_second), [len(found) for found in by_second.values()], label=name)
        latencies.plot(list(by_second), [1000 * max(found) for found in by_second.values()], label=name)
    starts = [(number * each.seconds, each) for number, each in enumerate(rounds)]
    times = [time for start, each in starts for time in (start, start + each.seconds)]
    rates.plot(times, [peak for each in rounds for peak in each.peaks_per_s], "--", color="grey", label="peak")
    latencies.set_yscale("log")
    return [svg(rates), svg(latencies)]


def _latencies_by_second(rounds: Sequence[Overload], status: int) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {}
    for number, each in enumerate(rounds):
        for sent, answered in each.outcome.spans(status):
            found.setdefault(int(number * each.seconds + sent), []).append(answered - sent)
    return dict(sorted(found.items()))


def _axes(quantity: str) -> Axes:
    axes = Figure(SIZE_INCHES).subplots()
    axes.set_xlabel("seconds")
    axes.set_ylabel(quantity)
    return axes
