"""What a benchmark leaves: its tables, an HTML page, the measurements, and a line in docs/benchmarks/history.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cronnx_lab.bench import plots
from cronnx_lab.bench.results import Results, cpu_s_per_image, generator_cpu_s_per_image, images_per_s, pss_bytes
from cronnx_lab.errors import MeasurementError
from cronnx_lab.measurement import IN_PROCESS, TRITON, Case
from cronnx_lab.report import Section, Table, page
from cronnx_lab.verdicts import Verdict, verdict_table
from cronnx_server.files import write_whole
from cronnx_server.paths import ROOT

HISTORY = ROOT / "docs" / "benchmarks" / "history.md"
RUNS_HEADINGS = "| began | commit | machine | note | measured |"
"""The first line of the record's table of runs."""


def write(results: Results, verdicts: Sequence[Verdict], *, run: Mapping[str, str], folder: Path) -> Path:
    """Write the page, index.html, and measurements.json.

    Args:
        results: The measurements.
        verdicts: The judged targets.
        run: Facts about the run, by name.
        folder: Receives the files.

    Returns:
        The page.

    Raises:
        CommandError: A file cannot be written.
    """
    write_whole(folder / "measurements.json", results.to_json(run).encode())
    path = folder / "index.html"
    write_whole(path, page("Benchmark", _sections(results, verdicts, run)).encode())
    return path


def add_to_history(
    results: Results, verdicts: Sequence[Verdict], *, run: Mapping[str, str], path: Path = HISTORY
) -> None:
    """Add a run's row to the record's table of runs, and put its plots beside it in place of the last run's.

    Args:
        results: The measurements.
        verdicts: The judged targets.
        run: Facts about the run, by name.
        path: The record.

    Raises:
        CommandError: It has no such table, or cannot be written.
    """
    measured = ", ".join(f"{each.name}: {each.measured.partition(' ')[0]}" for each in verdicts)
    cells = (*(run[name] for name in ("began", "commit", "machine", "note")), measured)
    row = " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    write_whole(path, _with_run(path, f"| {row} |").encode())
    for name, plot in (("throughput", plots.throughput), ("latency", plots.latency)):
        write_whole(path.with_name(f"{name}.svg"), plot(results).encode())


def case_table(results: Results) -> Table:
    """One row per case, grouped by pictures, version and contender."""
    headings = (
        *("contender", "load", "version", "concurrency", "pictures", "images/s", "p50 ms", "p95 ms", "p99 ms"),
        *("CPU ms/image", "generator ms/image", "PSS MB", "failed"),
    )
    cases = sorted(results.cases, key=_order)
    return Table(headings, [_case_row(results, case) for case in cases])


def step_table(results: Results) -> Table:
    """The mean time that a request spent in each step of the ensemble."""
    headings = ("model", "load", "concurrency", "pictures", "queue ms", "compute ms", "copy ms", "mean batch")
    rows = [row for case in results.cases if case.contender == TRITON for row in _step_rows(results, case)]
    return Table(headings, rows)


def _with_run(path: Path, row: str) -> str:
    """The content of the record with a row below the last one of its runs."""
    lines = path.read_text().splitlines() if path.exists() else []
    if RUNS_HEADINGS not in lines:
        raise MeasurementError(f"expected the table '{RUNS_HEADINGS}' in {path}, found none; the new row is: {row}")
    after = lines.index(RUNS_HEADINGS)
    while after < len(lines) and lines[after].startswith("|"):
        after += 1
    return "\n".join([*lines[:after], row, *lines[after:], ""])


def _sections(results: Results, verdicts: Sequence[Verdict], run: Mapping[str, str]) -> list[Section]:
    steps = "\n".join(plots.steps(results, version) for version in results.plan.versions)
    return [
        Section(
            "Targets",
            verdict_table(verdicts).html(),
            "A ratio compares cases of the same round; its median, lowest and highest value over the rounds are shown. "
            "Percentiles of latencies cover all rounds together.",
        ),
        Section("Throughput", plots.throughput(results)),
        Section("Latency", plots.latency(results)),
        Section("Time of a request by step", steps, "From Triton's statistics, under the load of perf_analyzer."),
        Section(
            "All cases",
            case_table(results).html(),
            "Medians over the rounds. CPU time and memory are those of the server and its stubs, without the load "
            "generator; shared memory pages count once.",
        ),
        Section("All steps", step_table(results).html()),
        Section("The run", Table(("run", ""), list(run.items())).html()),
    ]


def _case_row(results: Results, case: Case) -> list[str]:
    latencies = [f"{1000 * results.percentile_s(case, percent):.1f}" for percent in (50, 95, 99)]
    generator_ms = 1000 * results.spread(case, generator_cpu_s_per_image).median
    return [
        *(case.contender, case.load, str(case.version), str(case.concurrency), case.pictures),
        f"{results.spread(case, images_per_s).median:.1f}",
        *latencies,
        f"{1000 * results.spread(case, cpu_s_per_image).median:.1f}",
        "" if case.contender == IN_PROCESS else f"{generator_ms:.2f}",
        f"{results.spread(case, pss_bytes).highest / 1e6:.0f}",
        f"{results.total(case, lambda each: each.failed):.0f}",
    ]


def _step_rows(results: Results, case: Case) -> list[list[str]]:
    return [
        [
            f"{step} (version {case.version})",
            *(case.load, str(case.concurrency), case.pictures),
            *(f"{milliseconds:.2f}" for milliseconds in times.milliseconds().values()),
            f"{times.requests / max(1, times.executions):.1f}",
        ]
        for step, times in results.steps(case).items()
    ]


def _order(case: Case) -> tuple[str, int, str, str, int]:
    return case.pictures, case.version, case.contender, case.load, case.concurrency
