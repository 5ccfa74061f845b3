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


def over_time(rounds: Sequence[Overload], *, capacity: int) -> list[str]:
    """Answers a second, the slowest latency and what the server holds, by the second; the rounds follow one another.

    Args:
        rounds: What was measured.
        capacity: The requests that the server is expected to hold at most.
    """
    rates, latencies, held = _axes("answers/s"), _axes("slowest, in ms"), _axes("accepted, not answered")
    for name, status in STATUSES.items():
        by_second = _latencies_by_second(rounds, status)
        rates.plot(list(by_second), [len(found) for found in by_second.values()], label=name)
        latencies.plot(list(by_second), [1000 * max(found) for found in by_second.values()], label=name)
    starts = [(number * each.seconds, each) for number, each in enumerate(rounds)]
    times = [time for start, each in starts for time in (start, start + each.seconds)]
    rates.plot(times, [peak for each in rounds for peak in each.peaks_per_s], "--", color="grey", label="peak")
    latencies.set_yscale("log")
    seconds = [(number, second) for number, each in enumerate(rounds) for second in range(int(each.seconds))]
    in_flight = [_in_flight(rounds[number], second) for number, second in seconds]
    held.plot([number * rounds[number].seconds + second for number, second in seconds], in_flight, label="requests")
    held.axhline(capacity, linestyle="--", color="grey", label="expected at most")
    return [svg(rates), svg(latencies), svg(held)]


def _in_flight(overload: Overload, second: int) -> int:
    """The requests that are sent at a time and get a result later."""
    return sum(sent <= second < answered for sent, answered in overload.outcome.spans(OK))


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
