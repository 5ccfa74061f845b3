from __future__ import annotations

import pytest
from rich.cells import cell_len

from cronnx.command_line._report import fitted, padded, printable, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [("naïve.jpg", "naïve.jpg"), ("a\nb\t", r"a\nb\t"), ("\x1b[2J", r"\x1b[2J"), ("\udcff", r"\udcff")],
)
def test_unprintable_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("cat", "cat  "), ("tabby", "tabby"), ("tabby cat", "tabb…"), ("猫猫", "猫猫 "), ("猫猫猫", "猫猫…")],
)
def test_text_is_cut_or_padded_to_terminal_cells(text: str, shown: str) -> None:
    assert fitted(text, 5) == shown
    assert cell_len(shown) == 5


def test_padded_text_is_never_cut() -> None:
    assert (padded("cat", 5), padded("tabby cat", 5)) == ("cat  ", "tabby cat")


def test_a_table_is_aligned_with_numbers_to_the_right() -> None:
    assert table(["NAME", "N"], [["cat", "5"], ["goldfish", "10.5"], ["猫", "-"]]).splitlines() == [
        "NAME         N",
        "cat          5",
        "goldfish  10.5",
        "猫           -",
    ]


def test_a_table_without_rows_is_its_headings() -> None:
    assert table(["NAME", "STATE"], []) == "NAME  STATE"
