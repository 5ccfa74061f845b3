"""Answers as the rows of a table for readers."""

from __future__ import annotations

from rich.cells import cell_len

from cronnx.command_line._records import Record
from cronnx.command_line._report import fitted, padded, printable

_LABEL_WIDTH, _SCORE_WIDTH, _GAP = 32, 6, "  "
_SHARES = (0.40, 0.35, 0.25)  # of a terminal's width, for path, label and model version
_NUMBERS_SHOWN = 3


class AnswerLines:
    """Formats answers as table rows: path, label, score and model version of the first class or object, then others.

    On a terminal the columns share its width and long text is cut. Elsewhere nothing is cut, and the path column is as
    wide as the longest path so far.
    """

    def __init__(self, terminal_width: int | None) -> None:
        """Lay out a table for a terminal of this width, or for a file or pipe if it is None."""
        shared = max(40, terminal_width or 0) - _SCORE_WIDTH - 3 * len(_GAP)
        self._place = padded if terminal_width is None else fitted
        self._widths = [0, _LABEL_WIDTH, 0] if terminal_width is None else [int(shared * part) for part in _SHARES]

    def __call__(self, record: Record) -> str:
        """Return the lines of an answer."""
        path = printable(record["path"])
        if self._place is padded:
            self._widths[0] = max(self._widths[0], cell_len(path))
        columns = [("", entry, "") for entry in _entries(record)]
        columns[0] = (path, columns[0][1], printable(record["served_by"]))
        return "\n".join(self._line(*each) for each in columns)

    def _line(self, path: str, entry: tuple[str, float | None], served_by: str) -> str:
        label, score = entry
        path, label, served_by = map(self._place, (path, printable(label), served_by), self._widths)
        shown = " " * _SCORE_WIDTH if score is None else f"{score:{_SCORE_WIDTH}.1%}"
        return _GAP.join((path, label, shown, served_by)).rstrip()


def _entries(record: Record) -> list[tuple[str, float | None]]:
    """Return what an answer says, with the scores or the shares of the photo; at least one entry."""
    if "top" in record:
        return [(scored["label"], scored["score"]) for scored in record["top"]]
    if "detections" in record:
        found = [(_with_box(each), each["score"]) for each in record["detections"]]
        return [*found] or [("nothing found", None)]
    if "classes" in record:
        return [(each["label"], each["share"]) for each in record["classes"]]
    if "embedding" in record:
        vector = record["embedding"]
        first = ", ".join(f"{number:.3f}" for number in vector[:_NUMBERS_SHOWN])
        more = ", ..." if len(vector) > _NUMBERS_SHOWN else ""
        return [(f"{len(vector)} numbers: {first}{more}", None)]
    return [(f"depth {record['minimum']:.4g} to {record['maximum']:.4g}", None)]


def _with_box(detection: Record) -> str:
    corners = " ".join(f"{edge:.0f}" for edge in detection["box"])
    return f"{detection['label']}  {corners}"
