from __future__ import annotations

import sys

import pytest

from cronnx_lab.bench import __main__ as command
from cronnx_lab.bench.__main__ import COMPARISON, MODES

MODE_ARGUMENTS = {
    "backend_overhead": ["--backend-overhead"],
    "detector": ["--detector", "yolo11n.onnx"],
    "steps": ["--steps", "resnet50"],
    "metrics_cost": ["--metrics-cost"],
    "profile": ["--profile", "cuda"],
}
OPTION_ARGUMENTS = {
    "model": ["--model", "resnet50"],
    "versions": ["--versions", "1"],
    "pictures": ["--pictures", "vga"],
    "concurrency": ["--concurrency", "4"],
    "rounds": ["--rounds", "2"],
    "seconds": ["--seconds", "3"],
    "note": ["--note", "faster"],
    "quick": ["--quick"],
}


def refused(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The last line of a call that measures nothing."""
    monkeypatch.setattr(sys, "argv", ["scripts/bench", *arguments])
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def refusal(*arguments: str) -> str:
    return command.refusal(command._parser().parse_args(arguments))


def test_every_mode_and_option_is_tested_here() -> None:
    assert MODES.keys() == {COMPARISON, *MODE_ARGUMENTS}
    assert set(MODES[COMPARISON].takes) == OPTION_ARGUMENTS.keys()


def test_two_modes_exclude_each_other(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(["--steps", "resnet50", "--metrics-cost"], monkeypatch, capsys)
    assert line == "scripts/bench: error: argument --metrics-cost: not allowed with argument --steps"


def test_an_option_that_a_mode_does_not_use_is_refused_with_those_that_it_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(["--steps", "resnet50", "--note", "faster"], monkeypatch, capsys)
    takes = "--pictures, --concurrency, --rounds, --seconds, --quick"
    assert line == f"scripts/bench: error: --note does not go with --steps, which takes {takes}"


@pytest.mark.parametrize("mode", MODE_ARGUMENTS)
@pytest.mark.parametrize("option", OPTION_ARGUMENTS)
def test_a_mode_takes_the_options_of_its_row_alone(mode: str, option: str) -> None:
    found = refusal(*MODE_ARGUMENTS[mode], *OPTION_ARGUMENTS[option])
    assert (found == "") is (option in MODES[mode].takes)


@pytest.mark.parametrize("option", OPTION_ARGUMENTS)
def test_the_comparison_takes_every_option(option: str) -> None:
    assert refusal(*OPTION_ARGUMENTS[option]) == ""


@pytest.mark.parametrize(("mode", "several"), [("detector", "pictures"), ("profile", "concurrency")])
def test_several_values_where_one_is_used_are_refused(mode: str, several: str) -> None:
    values = {"pictures": ("vga", "12mp"), "concurrency": ("4", "16")}[several]
    found = refusal(*MODE_ARGUMENTS[mode], f"--{several}", *values)
    assert found == f"expected one value of --{several} with --{mode}, got {' '.join(values)}"
    assert refusal(f"--{several}", *values) == ""


def test_steps_sends_several_sets_of_pictures() -> None:
    assert refusal("--steps", "resnet50", "--pictures", "vga", "12mp") == ""
