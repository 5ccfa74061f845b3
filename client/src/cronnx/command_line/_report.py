"""What a command reports: text in columns, errors and exit codes."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Sequence
from enum import IntEnum

from rich.cells import cell_len, chop_cells, set_cell_size

_GAP = "  "


class ExitCode(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_REACHABLE = 3
    INTERRUPTED = 130  # as the shell reports SIGINT
    BROKEN_PIPE = 141  # as the shell reports SIGPIPE


EPILOG = f"""\
exit codes:
  {ExitCode.DONE:<3}  success
  {ExitCode.FAILED:<3}  some items failed; standard error says which and why
  {ExitCode.USAGE:<3}  the command line or the output file cannot be used
  {ExitCode.NOT_REACHABLE:<3}  no server can be reached
  {ExitCode.INTERRUPTED}  interrupted (Ctrl-C)
  {ExitCode.BROKEN_PIPE}  broken pipe
"""


class ErrorLog:
    """Prints each error as one line on standard error, and counts the errors."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, message: object) -> None:
        """Print an error."""
        self.count += 1
        print_error(message)


def print_error(message: object) -> None:
    """Print one line on standard error."""
    print("cronnx:", printable(" ".join(str(message).split())), file=sys.stderr)


def printable(text: str) -> str:
    """Escape unprintable characters: a file name may contain line ends and terminal commands."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def fitted(text: str, width: int) -> str:
    """Pad text to `width` terminal cells, or shorten it with an ellipsis."""
    if cell_len(text) <= width:
        return padded(text, width)
    return set_cell_size(chop_cells(text, width - 1)[0] + "…", width)


def padded(text: str, width: int) -> str:
    """Pad text to `width` terminal cells; longer text is unchanged."""
    return text + " " * (width - cell_len(text))


def terminal_width() -> int | None:
    """Return the columns of the terminal on standard output; None if it is a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, width: int | None = None) -> str:
    """Return rows in aligned columns. A column in which every cell begins with a digit is aligned to the right.

    If the table is wider than `width`, text continues on further lines of its column.
    """
    texts = [[printable(str(cell)) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(headings, *texts, strict=True)]
    numeric = [bool(texts) and all(map(_is_number, column)) for column in zip(*texts, strict=True)]
    numeric = numeric or [False] * len(widths)
    if width is not None and sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        return _wrapped(headings, texts, numeric, width)
    return "\n".join(_line(row, widths, numeric) for row in [list(headings), *texts])


def _wrapped(headings: Sequence[str], texts: Sequence[Sequence[str]], numeric: Sequence[bool], width: int) -> str:
    # Imported here because rich loads slowly and most tables fit.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, padding=(0, len(_GAP), 0, 0), pad_edge=False)
    for heading, is_numeric in zip(headings, numeric, strict=True):
        grid.add_column(heading, overflow="fold", no_wrap=is_numeric, justify="right" if is_numeric else "left")
    for row in texts:
        grid.add_row(*map(Text, row))
    file = io.StringIO()
    Console(file=file, width=width, color_system=None).print(grid)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    placed = (
        " " * (width - cell_len(cell)) + cell if right else padded(cell, width)
        for cell, width, right in zip(cells, widths, numeric, strict=True)
    )
    return _GAP.join(placed).rstrip()


def shortened(text: str, longest: int) -> str:
    """Return the text in one line of at most `longest` characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def _is_number(cell: str) -> bool:
    return cell[:1].isdigit() or cell == "-"
