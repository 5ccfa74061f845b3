from __future__ import annotations

from cronnx_lab.test import checks
from cronnx_server.paths import ROOT


def test_without_arguments_every_test_is_in_one_part() -> None:
    words = [word for command in checks([]).values() if command[0] == "pytest" for word in command]
    folders = [ROOT / word for word in words if word.startswith("tests")]
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    assert files
    assert [file for file in files if [file.is_relative_to(folder) for folder in folders].count(True) != 1] == []


def test_with_arguments_pytest_alone_runs_and_with_these_alone() -> None:
    assert checks(["tests/unit", "-k", "batch"]) == {"tests": ["pytest", "tests/unit", "-k", "batch"]}
