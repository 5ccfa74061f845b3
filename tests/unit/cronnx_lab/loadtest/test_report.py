from __future__ import annotations

import json
from pathlib import Path

import pytest

from cronnx_lab.loadtest.recording import Latencies, Recording
from cronnx_lab.loadtest.report import LoadReport
from cronnx_lab.verdicts import Verdict


@pytest.fixture
def report() -> LoadReport:
    recording = Recording()
    recording.add("toy", "toy/1", latency_ms=20.0, at_s=0.5)
    recording.add("toy", None, latency_ms=1.0, at_s=1.5)
    return LoadReport(
        verdicts=[Verdict("failed", "toy: failed requests", "<= 0.00%", "1 of 2", False)],
        recording=recording,
        baseline={"toy": Latencies.of([10.0])},
        users=[4, 3],
        errors={"[500] <broken>": 1},
        run={"server": "grpc://127.0.0.1:1"},
    )


def test_a_terminal_shows_the_answers_the_failures_and_the_verdicts_in_80_columns(report: LoadReport) -> None:
    lines = str(report).splitlines()
    assert [line.split() for line in lines if line.startswith("toy")] == [
        ["toy,", "one", "user", "before", "1", *["10.0"] * 4],
        ["toy/1", "1", *["20.0"] * 4],
        ["toy:", "failed", "requests", "<=", "0.00%", "1", "of", "2", "MISSED"],
    ]
    assert "[500] <broken>      1" in lines
    assert max(map(len, lines)) <= 80


def test_the_page_has_the_verdicts_the_thresholds_and_the_curves(report: LoadReport, tmp_path: Path) -> None:
    report.write(tmp_path / "steady.html")
    page = (tmp_path / "steady.html").read_text()
    assert "<td>toy: failed requests</td><td>&lt;= 0.00%</td><td>1 of 2</td><td>MISSED</td>" in page
    assert "[500] &lt;broken&gt;" in page
    assert page.count("<svg") == 3
    assert all(text in page for text in ("percentile", "toy, one user", "p99", "users", "grpc://127.0.0.1:1"))


def test_the_figures_are_beside_the_page_for_programs(report: LoadReport, tmp_path: Path) -> None:
    report.write(tmp_path / "steady.html")
    figures = json.loads((tmp_path / "steady.json").read_text())
    toy = figures["models"]["toy"]
    assert (toy["requests"], toy["failures"], toy["answers"]) == (2, 1, {"toy/1": 1})
    assert toy["latency_ms"]["p99"] == pytest.approx(20, rel=0.005)
    assert [(each["users"], each["answers"], each["failures"]) for each in figures["over_time"]] == [
        (4, 1, 0),
        (3, 0, 1),
    ]
    assert figures["over_time"][1]["latency_ms"] == {}
    assert figures["verdicts"][0]["holds"] is False
    assert figures["errors"] == {"[500] <broken>": 1}


def test_a_run_without_an_answer_is_reported_too(tmp_path: Path) -> None:
    nothing = LoadReport([], Recording(), {"toy": Latencies.of([10.0])}, users=[0], errors={}, run={})
    nothing.write(tmp_path / "steady.html")
    assert (tmp_path / "steady.html").read_text().count("<svg") == 3
