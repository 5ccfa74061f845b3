"""The report: one HTML page that needs nothing else, ratios first, and the raw measurements beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

from cronnx_lab.bench import plots
from cronnx_lab.bench.results import Results
from cronnx_lab.bench.tables import Table, leg_table, step_table, verdict_table
from cronnx_lab.bench.targets import Verdict
from cronnx_server.files import write_whole

PAGE = Template((Path(__file__).with_name("report.html")).read_text())


def write(results: Results, verdicts: list[Verdict], *, run: Mapping[str, str], folder: Path) -> Path:
    """Write the page and the measurements; where the page is.

    Args:
        results: what was measured.
        verdicts: the targets.
        run: what is to be known of the run, by what it is.
        folder: where to.

    Raises:
        SetupError: they cannot be written.
    """
    write_whole(folder / "measurements.json", results.to_json(dict(run)).encode())
    page = folder / "index.html"
    write_whole(page, _page(results, verdicts, run).encode())
    return page


def _page(results: Results, verdicts: list[Verdict], run: Mapping[str, str]) -> str:
    return PAGE.substitute(
        run=Table(("run", ""), list(run.items())).html(),
        verdicts=verdict_table(verdicts).html(),
        throughput=plots.throughput(results),
        latency=plots.latency(results),
        steps="\n".join(plots.steps(results, version) for version in results.plan.versions),
        legs=leg_table(results).html(),
        step_times=step_table(results).html(),
    )
