"""The plots of a benchmark's page, as SVG elements."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from cronnx_lab.bench.results import Results, images_per_s
from cronnx_lab.measurement import CLOSED_LOOP, FASTAPI, IN_PROCESS, PERF_ANALYZER, TRITON, Case
from cronnx_lab.report import svg

SIZE_INCHES = (7.0, 4.0)
PHASES = ("queue", "compute", "copy")


def throughput(results: Results) -> str:
    """Images a second by concurrency; error bars show the spread over the rounds."""
    axes = _axes(results, "images/s")
    for label, cases in _curves(results).items():
        spreads = [results.spread(case, images_per_s) for case in cases]
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
    """Median and 99th percentile of the latency by concurrency."""
    axes = _axes(results, "latency in ms: median, 99th percentile dotted")
    for label, cases in _curves(results).items():
        (line,) = axes.plot(results.plan.concurrency, _percentiles_ms(results, cases, 50), marker="o", label=label)
        high = _percentiles_ms(results, cases, 99)
        axes.plot(results.plan.concurrency, high, marker=".", linestyle=":", color=line.get_color())
    axes.set_yscale("log")
    return svg(axes)


def steps(results: Results, version: int) -> str:
    """The mean time of a request by concurrency, as bars stacked by step and phase."""
    axes = Figure(SIZE_INCHES).subplots()
    cases = [_case(results, TRITON, PERF_ANALYZER, version, concurrency) for concurrency in results.plan.concurrency]
    positions, bottoms = range(len(cases)), [0.0] * len(cases)
    for step in results.steps(cases[0]):
        for phase in PHASES:
            heights = [results.steps(case)[step].milliseconds()[phase] for case in cases]
            axes.bar(positions, heights, bottom=bottoms, label=f"{step}: {phase}")
            bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    axes.set_xticks(list(positions), list(map(str, results.plan.concurrency)))
    axes.set_xlabel("concurrency")
    axes.set_ylabel(f"ms per request, version {version}")
    return svg(axes)


def _curves(results: Results) -> dict[str, list[Case]]:
    compared = [(TRITON, PERF_ANALYZER), (TRITON, CLOSED_LOOP), (FASTAPI, CLOSED_LOOP)]
    return {
        f"{contender} v{version}, {load}": [
            _case(results, contender, load, version, concurrency) for concurrency in results.plan.concurrency
        ]
        for version in results.plan.versions
        for contender, load in compared
    }


def _case(results: Results, contender: str, load: str, version: int, concurrency: int) -> Case:
    return Case(contender, load, version, concurrency, results.plan.pictures[0])


def _percentiles_ms(results: Results, cases: Sequence[Case], percent: float) -> list[float]:
    return [1000 * results.percentile_s(case, percent) for case in cases]


def _axes(results: Results, quantity: str) -> Axes:
    axes = Figure(SIZE_INCHES).subplots()
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(results.plan.concurrency))
    axes.xaxis.set_major_formatter(FixedFormatter(list(map(str, results.plan.concurrency))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("concurrency")
    axes.set_ylabel(quantity)
    return axes
