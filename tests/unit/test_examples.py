"""What the examples say of themselves, and the arithmetic of one of them. tests/server/test_examples.py runs them."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from tests import examples

PROGRAMS = sorted(examples.FOLDER.glob("*.py"))
compare = examples.imported("compare_versions")


def pairs(both: int, won: int, lost: int, neither: int) -> list[object]:
    """Photos of class 1 that both versions, only the new one, only the live one, or none knows."""
    answers = [(1, 1)] * both + [(0, 1)] * won + [(1, 0)] * lost + [(0, 0)] * neither
    return [compare.Pair(class_ids, 1, (0.01, 0.02)) for class_ids in answers]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_a_program_says_how_it_is_run_and_is_listed(program: Path) -> None:
    described = ast.get_docstring(ast.parse(program.read_text())) or ""
    assert re.search(rf"^    (python examples/{program.name} |uvicorn .*\b{program.stem}:app)", described, re.MULTILINE)
    assert f"]({program.name})" in (examples.FOLDER / "README.md").read_text()


@pytest.mark.parametrize(
    "program", [each for each in PROGRAMS if each.stem != "web_handler"], ids=lambda each: each.stem
)
def test_a_program_shows_its_options(
    program: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [program.name, "--help"])
    with pytest.raises(SystemExit) as ended:
        examples.imported(program.stem).main()
    assert ended.value.code == 0
    assert "--url" in capsys.readouterr().out


def test_agreement_has_wilsons_interval() -> None:
    # 95 of 100: the published interval is 88.8 % to 97.8 %.
    assert compare.agreement(pairs(95, 5, 0, 0)) == pytest.approx((0.8882, 0.95, 0.9785), abs=1e-4)


def test_accuracy_gain_has_the_interval_of_agresti_and_min() -> None:
    # 16 won and 4 lost of 100: (16 - 4) / 102 +- 1.96 sqrt((16 + 4 + 1) - 12^2 / 102) / 102
    assert compare.accuracy_gain(pairs(60, 16, 4, 20)) == pytest.approx((0.0326, 0.12, 0.2027), abs=1e-4)


def test_the_latency_ratio_of_equal_ratios_is_certain() -> None:
    assert compare.latency_ratio(pairs(10, 0, 0, 0)) == pytest.approx((2, 2, 2))


@pytest.mark.parametrize(
    ("quality", "slowdown", "verdict"),
    [
        ((0.0, 0.01, 0.02), (0.9, 1.0, 1.05), "promote"),
        ((-0.05, 0.0, 0.05), (0.9, 1.0, 1.05), "undecided"),
        ((-0.09, -0.05, -0.02), (0.9, 1.0, 1.05), "keep"),
        ((0.0, 0.01, 0.02), (1.2, 1.3, 1.4), "keep"),
        ((0.0, 0.01, 0.02), (1.0, 1.1, 1.2), "undecided"),
    ],
)
def test_only_a_whole_interval_decides(quality: tuple[float, ...], slowdown: tuple[float, ...], verdict: str) -> None:
    assert compare.decide(compare.Interval(*quality), -0.01, compare.Interval(*slowdown), 1.1) == verdict
