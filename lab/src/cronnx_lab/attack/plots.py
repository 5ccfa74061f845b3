"""The plots of an attack's page, as SVG elements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cronnx_lab.attack.rounds import Round
from cronnx_lab.report import svg

SIZE_INCHES = (9.0, 2.6)


def over_time(rounds: Sequence[Round]) -> list[str]:
    """For each target, the callers' answers and failures by the second in which they ended, and their latencies."""
    return [plot for each in rounds for plot in (_ends(each), _latencies(each))]


def _ends(attacked: Round) -> str:
    axes = _axes(f"{attacked.target}\nrequests/s")
    seconds = range(int(attacked.seconds))
    for name, is_failure in (("answered", False), ("failed", True)):
        ends = Counter(int(each.ended_s) for each in attacked.requests if bool(each.error) == is_failure)
        axes.plot(seconds, [ends[second] for second in seconds], label=name)
    return svg(axes)


def _latencies(attacked: Round) -> str:
    axes = _axes(f"{attacked.target}\nlatency, ms")
    for name, is_failure in (("answered", False), ("failed", True)):
        found = [each for each in attacked.requests if bool(each.error) == is_failure]
        latencies_ms = [1000 * (each.ended_s - each.sent_s) for each in found]
        axes.plot([each.sent_s for each in found], latencies_ms, ".", markersize=2, label=name)
    axes.set_yscale("log")
    return svg(axes)


def _axes(quantity: str) -> Axes:
    axes = Figure(SIZE_INCHES).subplots()
    axes.set_xlabel("seconds")
    axes.set_ylabel(quantity)
    return axes
