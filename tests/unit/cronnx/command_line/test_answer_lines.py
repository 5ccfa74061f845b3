from __future__ import annotations

import pytest
from rich.cells import cell_len

from cronnx.command_line._answer_lines import AnswerLines
from cronnx.command_line._records import Record, record
from tests.unit.cronnx.command_line.fake_server import answer


def of(path: str, top_k: int = 1) -> Record:
    return record(path, "net", answer(path, top_k))


def test_elsewhere_than_on_a_terminal_nothing_is_cut() -> None:
    path, label = "in/" + "x" * 300 + ".jpg", "x" * 300
    assert AnswerLines(None)(of(path)) == f"{path}  {label}   50.0%  net/1@abcd1234"


def test_the_paths_column_is_as_wide_as_the_longest_so_far() -> None:
    lines = AnswerLines(None)
    assert [lines(of(path)).index("goldfish", 12) for path in ("in/goldfish.jpg", "goldfish.jpg")] == [17, 17]


@pytest.mark.parametrize("width", [80, 81, 120, 200])
def test_on_a_terminal_columns_stay_aligned_and_within_its_width(width: int) -> None:
    lines = AnswerLines(width)
    shown = [lines(of(path, 3)).splitlines() for path in ("a.jpg", "in/" + "long" * 50 + ".jpg", "猫" * 60 + ".jpg")]
    assert all(cell_len(line) <= width for lines in shown for line in lines)
    assert len({cell_len(line.split("%")[0]) for lines in shown for line in lines}) == 1


def test_further_classes_are_indented_below() -> None:
    first, second, third = AnswerLines(None)(of("cat.jpg", 3)).splitlines()
    assert first.startswith("cat.jpg  cat ")
    assert second.startswith("         cat1 ")
    assert third.endswith(" 12.5%")


def test_a_name_with_a_line_end_stays_on_one_line() -> None:
    assert AnswerLines(None)(of("a\nb.jpg")).startswith(r"a\nb.jpg  a\nb ")
