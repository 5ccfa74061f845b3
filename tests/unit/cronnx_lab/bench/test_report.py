from __future__ import annotations

import json
from pathlib import Path

import pytest

from cronnx_lab.bench import report
from cronnx_lab.bench.report import HISTORY, RUNS_HEADINGS, add_to_history, case_table
from cronnx_lab.bench.targets import verdicts
from cronnx_lab.errors import MeasurementError
from cronnx_lab.verdicts import Verdict
from tests.unit.cronnx_lab.bench.measured import PLAN, results

RUN = {"began": "2026-01-01", "commit": "abc+", "machine": "2 cores", "note": "more | threads"}


def test_the_page_needs_nothing_else_and_begins_with_the_ratios(tmp_path: Path) -> None:
    found = results()
    page = report.write(found, verdicts(found), run=RUN, folder=tmp_path).read_text()
    assert page.count("<svg") == page.count("</svg>") == 3
    assert not any(loading in page for loading in ("<script", "<link", "<img", "src="))
    assert page.index("in-process limit") < page.index("<svg")
    assert "more | threads" in page


def test_the_raw_measurements_are_beside_it(tmp_path: Path) -> None:
    found = results()
    report.write(found, verdicts(found), run=RUN, folder=tmp_path)
    assert len(json.loads((tmp_path / "measurements.json").read_text())["rounds"]) == 2


def test_the_table_has_a_row_per_case() -> None:
    table = case_table(results())
    assert len(table.rows) == len(PLAN.cases())
    assert all(len(row) == len(table.headings) for row in table.rows)


RECORD = """\
## Single changes

| change | result |
|---|---|
| fewer threads | 0.9 |

## Runs

| began | commit | machine | note | measured |
|---|---|---|---|---|
| 2025-01-01 | 123 | 2 cores | the first | GB: 0.5 |

## Later

| change | result |
|---|---|
"""
NOTE = r"more \| threads"
ROW = f"| 2026-01-01 | abc+ | 2 cores | {NOTE} | v1 / limit: 0.5, GB: 0.4 |"
JUDGED = [
    Verdict("v1 / limit", "images/s", ">= 1", "0.5 (0.4 to 0.6)", holds=False),
    Verdict("GB", "memory", "< 1", "0.4", holds=True),
]


def test_a_run_with_a_note_adds_a_row_below_the_runs_before_it(tmp_path: Path) -> None:
    path = tmp_path / "history.md"
    path.write_text(RECORD)
    add_to_history(results(), JUDGED, run=RUN, path=path)
    add_to_history(results(), JUDGED, run={**RUN, "note": "fewer"}, path=path)
    first = "| 2025-01-01 | 123 | 2 cores | the first | GB: 0.5 |\n"
    rows = f"{ROW}\n{ROW.replace(NOTE, 'fewer')}\n"
    assert path.read_text() == RECORD.replace(first, first + rows)
    assert all((path.parent / plot).read_text().startswith("<svg") for plot in ("throughput.svg", "latency.svg"))


def test_without_a_table_of_runs_the_error_has_the_row_that_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "history.md"
    path.write_text("# What was tried\n")
    with pytest.raises(MeasurementError, match=r"^expected the table '\| began .* found none; the new row") as lost:
        add_to_history(results(), JUDGED, run=RUN, path=path)
    assert str(lost.value).endswith(ROW)
    assert path.read_text() == "# What was tried\n"


def test_the_projects_record_has_the_table() -> None:
    assert RUNS_HEADINGS in HISTORY.read_text().splitlines()
