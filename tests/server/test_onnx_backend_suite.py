"""The ONNX project's own backend test suite, through the stand-in and through a real server, without a config.pbtxt.

A case passes or is in `onnx_suite_lists/` with the reason. A case that starts to pass must leave the list, which is
made anew, with `scripts` and `onnxruntime_backend` on the Python path, by

    python -m tests.server.onnx_suite_list > tests/server/onnx_suite_lists/onnxruntime-<version>.txt

A model is a process of its own, started for one question, so in the server runs a part of the cases
that shows every type and every number of dimensions; `--whole-onnx-suite` runs every one.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from cronnx_server.paths import ROOT
from tests.server import onnx_suite, onnx_suite_list
from tests.server.onnx_suite import Case
from tests.server.onnx_suite_carriers import answered_by_server, answered_in_process

README = ROOT / "onnxruntime_backend" / "README.md"


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(onnx_suite.cases())


@pytest.fixture(scope="module")
def possible(cases: list[Case]) -> list[Case]:
    """Every case but those that could pass nowhere."""
    listed = onnx_suite_list.read()
    return [case for case in cases if case.name not in listed]


def test_the_list_holds_the_cases_that_cannot_pass_and_no_other(cases: list[Case]) -> None:
    reasons = {case.name: onnx_suite.reason_without_server(case) for case in cases}
    assert {name: reason for name, reason in reasons.items() if reason} == onnx_suite_list.read()


def test_every_other_case_passes_in_the_stand_in(possible: list[Case], tmp_path: Path) -> None:
    assert len(possible) > 1000
    assert answered_in_process(possible, tmp_path) == {}


def test_the_cases_pass_in_a_server(possible: list[Case], tmp_path: Path, pytestconfig: pytest.Config) -> None:
    chosen = possible if pytestconfig.getoption("whole_onnx_suite") else onnx_suite.part(possible)
    assert answered_by_server(chosen, tmp_path) == {}


@pytest.mark.parametrize(("column", "version"), [(1, "1.31.1"), (2, "1.23.2")])
def test_the_readme_counts_the_cases_that_pass_and_those_on_a_list(
    cases: list[Case], column: int, version: str
) -> None:
    rows = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \|$", README.read_text(), flags=re.MULTILINE)
    listed = Counter(onnx_suite_list.read(version).values())
    expected = {"passed": len(cases) - listed.total(), **listed}
    assert {row[0]: int(row[column]) for row in rows if int(row[column])} == expected
