"""Text for a terminal: what may be printed, in columns that stay aligned."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, chop_cells, set_cell_size

_GAP = "  "


def printable(text: str) -> str:
    """Escape what is no character to look at: a file's name may hold line ends and a terminal's commands."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def fitted(text: str, width: int) -> str:
    """Pad to `width` terminal cells, or cut and end in an ellipsis."""
    if cell_len(text) <= width:
        return padded(text, width)
    return set_cell_size(chop_cells(text, width - 1)[0] + "…", width)


def padded(text: str, width: int) -> str:
    """Pad to `width` terminal cells; what is longer stays so."""
    return text + " " * (width - cell_len(text))


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lines in columns as wide as they need be; numbers, which come as text that begins with a digit, to the right."""
    texts = [[printable(str(cell)) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(headings, *texts, strict=True)]
    numeric = [bool(texts) and all(map(_is_number, column)) for column in zip(*texts, strict=True)]
    return "\n".join(_line(row, widths, numeric or [False] * len(widths)) for row in [list(headings), *texts])


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    placed = (
        " " * (width - cell_len(cell)) + cell if right else padded(cell, width)
        for cell, width, right in zip(cells, widths, numeric, strict=True)
    )
    return _GAP.join(placed).rstrip()


def _is_number(cell: str) -> bool:
    return cell[:1].isdigit() or cell == "-"
