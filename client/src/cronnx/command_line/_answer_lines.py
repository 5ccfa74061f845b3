"""Answers as the lines of a table that nobody knows the end of."""

from __future__ import annotations

from rich.cells import cell_len

from cronnx.command_line._records import Record
from cronnx.command_line._text import fitted, padded, printable

_LABEL_WIDTH, _SCORE_WIDTH, _GAP = 32, 6, "  "
_SHARES = (0.40, 0.35, 0.25)  # of a terminal's width, for path, label and model version


class AnswerLines:
    """Writes path, label, score and model version of the best class, and indented below it the others.

    On a terminal the columns share its width and what is too long is cut. Elsewhere nothing is cut, and the column of
    the paths is as wide as the longest so far.
    """

    def __init__(self, terminal_width: int | None) -> None:
        """Lay out a table of so many cells; None where it is not for a terminal."""
        shared = max(40, terminal_width or 0) - _SCORE_WIDTH - 3 * len(_GAP)
        self._place = padded if terminal_width is None else fitted
        self._widths = [0, _LABEL_WIDTH, 0] if terminal_width is None else [int(shared * part) for part in _SHARES]

    def __call__(self, record: Record) -> str:
        """Write the lines of an answer."""
        path = printable(record["path"])
        if self._place is padded:
            self._widths[0] = max(self._widths[0], cell_len(path))
        columns = [("", scored, "") for scored in record["top"]]
        columns[0] = (path, record["top"][0], printable(record["served_by"]))
        return "\n".join(self._line(*each) for each in columns)

    def _line(self, path: str, scored: Record, served_by: str) -> str:
        placed = map(self._place, (path, printable(scored["label"]), served_by), self._widths)
        path, label, served_by = placed
        return _GAP.join((path, label, f"{scored['score']:{_SCORE_WIDTH}.1%}", served_by)).rstrip()
