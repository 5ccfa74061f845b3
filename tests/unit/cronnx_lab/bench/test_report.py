from __future__ import annotations

import json
from pathlib import Path

from cronnx_lab.bench import report
from cronnx_lab.bench.report import append_to_history, case_table
from cronnx_lab.bench.targets import verdicts
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


def test_a_run_with_a_note_adds_a_line_to_the_record(tmp_path: Path) -> None:
    path = tmp_path / "history.md"
    judged = [
        Verdict("v1 / limit", "images/s", ">= 1", "0.5 (0.4 to 0.6)", holds=False),
        Verdict("GB", "memory", "< 1", "0.4", holds=True),
    ]
    append_to_history(results(), judged, run=RUN, path=path)
    append_to_history(results(), judged, run={**RUN, "note": "fewer"}, path=path)
    *heading, first, second = path.read_text().splitlines()
    assert heading[-1].startswith("|---")
    assert first == r"| 2026-01-01 | abc+ | 2 cores | more \| threads | v1 / limit: 0.5, GB: 0.4 |"
    assert "| fewer |" in second
    assert all((path.parent / plot).read_text().startswith("<svg") for plot in ("throughput.svg", "latency.svg"))
