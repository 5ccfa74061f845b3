"""The ONNX project's own backend test suite, run by the onnxruntime backend without a config.pbtxt.

A case passes or is in `onnx_suite_lists/` with the reason. Write the list of a new ONNX Runtime by

    python -m tests.server.onnx_suite > tests/server/onnx_suite_lists/onnxruntime-<version>.txt

By default one case in five runs in this process, and a few cases with every type and every number of dimensions run in
a server. `--whole-onnx-suite` runs every case both ways; in a server that takes half an hour.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from cronnx_server.paths import ROOT
from tests.server import onnx_suite
from tests.server.onnx_suite import Case
from tests.server.onnx_suite_runs import answered_by_server, answered_in_process

README = ROOT / "onnxruntime_backend" / "README.md"


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(onnx_suite.cases())


@pytest.fixture(scope="module")
def sample(cases: list[Case], pytestconfig: pytest.Config) -> list[Case]:
    return cases if pytestconfig.getoption("whole_onnx_suite") else onnx_suite.sample(cases)


@pytest.fixture(scope="module")
def possible(cases: list[Case]) -> list[Case]:
    """The cases that are not on the list."""
    listed = onnx_suite.listed()
    return [case for case in cases if case.name not in listed]


def test_the_list_holds_the_cases_that_cannot_pass_and_no_other(sample: list[Case]) -> None:
    listed = onnx_suite.listed()
    reasons = {case.name: onnx_suite.reason_without_server(case) for case in sample}
    assert reasons == {case.name: listed.get(case.name) for case in sample}


def test_every_other_case_passes_in_this_process(possible: list[Case], sample: list[Case], tmp_path: Path) -> None:
    names = {case.name for case in sample}
    assert len(possible) > 1000
    assert answered_in_process([case for case in possible if case.name in names], tmp_path) == {}


def test_cases_of_every_type_and_number_of_dimensions_pass_in_a_server(
    possible: list[Case], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    chosen = possible if pytestconfig.getoption("whole_onnx_suite") else onnx_suite.covering(possible)
    assert answered_by_server(chosen, tmp_path) == {}


@pytest.mark.parametrize(("column", "version"), [(1, "1.31.1"), (2, "1.23.2")])
def test_the_readme_counts_the_cases_that_pass_and_those_on_a_list(
    cases: list[Case], column: int, version: str
) -> None:
    rows = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \|$", README.read_text(), flags=re.MULTILINE)
    listed = Counter(onnx_suite.listed(version).values())
    expected = {"passed": len(cases) - listed.total(), **listed}
    assert {row[0]: int(row[column]) for row in rows if int(row[column])} == expected
