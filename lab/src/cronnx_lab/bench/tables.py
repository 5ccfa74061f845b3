"""Results as rows of text, for the terminal and the report alike."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from cronnx_lab.bench.results import Results, cpu_s_per_image, generator_cpu_s_per_image, images_per_s, pss_bytes
from cronnx_lab.bench.targets import Verdict
from cronnx_lab.measurement import IN_PROCESS, TRITON, Leg


@dataclass(frozen=True)
class Table:
    """Headings and rows of as many cells."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        """In columns, the first to the left."""
        lines = [self.headings, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.headings))]
        return "\n".join("  ".join(_padded(line, widths)).rstrip() for line in lines)

    def html(self) -> str:
        """As an element of a page."""
        rows = [_html_row("th", self.headings), *(_html_row("td", row) for row in self.rows)]
        return "\n".join(["<table>", *rows, "</table>"])


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = zip(line, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]


def _html_row(element: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{element}>{html.escape(cell)}</{element}>" for cell in cells) + "</tr>"


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """Targets and whether they are met."""
    rows = [(each.what, each.target, each.measured, "met" if each.holds else "MISSED") for each in verdicts]
    return Table(("target", "wanted", "measured (spread)", "verdict"), rows)


def leg_table(results: Results) -> Table:
    """What each leg gave, in the order of contenders."""
    headings = (
        *("contender", "load", "version", "concurrency", "pictures", "images/s", "p50 ms", "p95 ms", "p99 ms"),
        *("CPU ms/image", "generator ms/image", "PSS MB", "failed"),
    )
    legs = sorted(results.legs, key=lambda leg: (leg.pictures, leg.version, leg.contender, leg.load, leg.concurrency))
    return Table(headings, [_leg_row(results, leg) for leg in legs])


def _leg_row(results: Results, leg: Leg) -> list[str]:
    latencies = [f"{1000 * results.percentile_s(leg, percent):.1f}" for percent in (50, 95, 99)]
    generator_ms = 1000 * results.spread(leg, generator_cpu_s_per_image).median
    return [
        *(leg.contender, leg.load, str(leg.version), str(leg.concurrency), leg.pictures),
        f"{results.spread(leg, images_per_s).median:.1f}",
        *latencies,
        f"{1000 * results.spread(leg, cpu_s_per_image).median:.1f}",
        "" if leg.contender == IN_PROCESS else f"{generator_ms:.2f}",
        f"{results.spread(leg, pss_bytes).highest / 1e6:.0f}",
        f"{results.total(leg, lambda each: each.failed):.0f}",
    ]


def step_table(results: Results) -> Table:
    """What a request spent in which step of the ensemble, on average over the rounds."""
    headings = ("model", "load", "concurrency", "pictures", "queue ms", "compute ms", "copy ms", "mean batch")
    rows = [row for leg in results.legs if leg.contender == TRITON for row in _step_rows(results, leg)]
    return Table(headings, rows)


def _step_rows(results: Results, leg: Leg) -> list[list[str]]:
    return [
        [
            f"{step} (version {leg.version})",
            *(leg.load, str(leg.concurrency), leg.pictures),
            *(f"{milliseconds:.2f}" for milliseconds in times.milliseconds().values()),
            f"{times.requests / max(1, times.executions):.1f}",
        ]
        for step, times in results.steps(leg).items()
    ]
