from __future__ import annotations

import sys

import pytest

from cronnx_lab.errors import MeasurementError
from cronnx_lab.gpu import __main__ as command
from cronnx_lab.gpu.comparison import Plan
from cronnx_lab.gpu.requisites import Requisite
from cronnx_lab.report import Table
from cronnx_server.serve.tritonserver import gpu_count


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["scripts/gpu", *arguments])
    return command.main()


def test_a_dry_run_says_what_is_missing_and_tries_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"{'ready  ' if gpu_count() else 'missing'}  an NVIDIA GPU" in lines[0]
    assert "ready    the configurations and the pictures" in lines
    assert "  6. measure each for 8 s with 64, 128, 256 requests in flight" in lines


def test_an_unknown_profile_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--dry-run", "--profile", "nonesuch") == 1
    assert "no model has a configs/nonesuch.pbtxt" in capsys.readouterr().err


def test_nothing_is_measured_on_a_machine_that_lacks_something() -> None:
    plan = Plan(command.MODELS, command.CONCURRENCY, command.SECONDS, "")
    found = [Requisite("an NVIDIA GPU", "there is none"), Requisite("ONNX Runtime with CUDA")]
    with pytest.raises(MeasurementError, match=r"^this machine lacks an NVIDIA GPU; --dry-run does what needs no GPU"):
        command.write_report(plan, found)


def test_a_run_fits_into_ten_minutes() -> None:
    plan = Plan(command.MODELS, command.CONCURRENCY, command.SECONDS, "")
    assert plan.total_s < 600


def test_a_table_becomes_markdown() -> None:
    assert command.markdown(Table(("a", "b"), [("1", "2")])) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
