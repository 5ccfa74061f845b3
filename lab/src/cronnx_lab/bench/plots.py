"""The report's plots, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from cronnx_lab.bench.plan import REFERENCE_VERSION
from cronnx_lab.bench.results import Results, images_per_s
from cronnx_lab.measurement import CLOSED_LOOP, FASTAPI, IN_PROCESS, PERF_ANALYZER, TRITON, Leg
from cronnx_lab.svg import svg

SIZE_INCHES = (7.0, 4.0)
TIMES = ("queue", "compute", "copy")


def throughput(results: Results) -> str:
    """Images a second over concurrency; a bar at each point is the spread over the rounds."""
    axes = _axes(results, "images/s")
    for label, legs in _curves(results).items():
        spreads = [results.spread(leg, images_per_s) for leg in legs]
        medians = [each.median for each in spreads]
        below = [each.median - each.lowest for each in spreads]
        above = [each.highest - each.median for each in spreads]
        axes.errorbar(results.plan.concurrency, medians, yerr=[below, above], marker="o", capsize=3, label=label)
    for version in results.plan.versions:
        limit = results.spread(results.limit(version), images_per_s).median
        axes.axhline(limit, linestyle="--", color="grey", linewidth=1)
        axes.annotate(f"{IN_PROCESS} limit v{version}", (min(results.plan.concurrency), limit), va="bottom", fontsize=8)
    axes.set_ylim(bottom=0)
    return svg(axes)


def latency(results: Results) -> str:
    """Median, and dotted the 99th percentile, over concurrency."""
    axes = _axes(results, "latency in ms: median, 99th percentile dotted")
    for label, legs in _curves(results).items():
        (line,) = axes.plot(results.plan.concurrency, _percentiles_ms(results, legs, 50), marker="o", label=label)
        high = _percentiles_ms(results, legs, 99)
        axes.plot(results.plan.concurrency, high, marker=".", linestyle=":", color=line.get_color())
    axes.set_yscale("log")
    return svg(axes)


def steps(results: Results, version: int) -> str:
    """Where the ensemble's time goes: a bar a concurrency, a part a step and kind of time."""
    axes = Figure(SIZE_INCHES).subplots()
    legs = [_leg(results, TRITON, PERF_ANALYZER, version, concurrency) for concurrency in results.plan.concurrency]
    positions, bottoms = range(len(legs)), [0.0] * len(legs)
    for step in results.steps(legs[0]):
        for time in TIMES:
            heights = [results.steps(leg)[step].milliseconds()[time] for leg in legs]
            axes.bar(positions, heights, bottom=bottoms, label=f"{step}: {time}")
            bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    axes.set_xticks(list(positions), list(map(str, results.plan.concurrency)))
    axes.set_xlabel("concurrency")
    axes.set_ylabel(f"ms a request, version {version}")
    return svg(axes)


def _curves(results: Results) -> dict[str, list[Leg]]:
    kinds = [(TRITON, load, version) for version in results.plan.versions for load in (PERF_ANALYZER, CLOSED_LOOP)]
    return {
        f"{contender} v{version}, {load}": [
            _leg(results, contender, load, version, concurrency) for concurrency in results.plan.concurrency
        ]
        for contender, load, version in [*kinds, (FASTAPI, CLOSED_LOOP, REFERENCE_VERSION)]
    }


def _leg(results: Results, contender: str, load: str, version: int, concurrency: int) -> Leg:
    return Leg(contender, load, version, concurrency, results.plan.pictures[0])


def _percentiles_ms(results: Results, legs: Sequence[Leg], percent: float) -> list[float]:
    return [1000 * results.percentile_s(leg, percent) for leg in legs]


def _axes(results: Results, quantity: str) -> Axes:
    axes = Figure(SIZE_INCHES).subplots()
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(results.plan.concurrency))
    axes.xaxis.set_major_formatter(FixedFormatter(list(map(str, results.plan.concurrency))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("concurrency")
    axes.set_ylabel(quantity)
    return axes
