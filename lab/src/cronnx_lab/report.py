"""Reports: tables for the terminal, and HTML pages that need no other file."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from cronnx_server.paths import ROOT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REPORTS = ROOT / "reports"
PAGE = Template(Path(__file__).with_name("report.html").read_text())


@dataclass(frozen=True)
class Table:
    """A heading and rows of equally many cells."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        """The table as text, its first column aligned to the left and the others to the right."""
        lines = [self.headings, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.headings))]
        return "\n".join("  ".join(_padded(line, widths)).rstrip() for line in lines)

    def html(self) -> str:
        """The table as an HTML element."""
        rows = [_html_row("th", self.headings), *(_html_row("td", row) for row in self.rows)]
        return "\n".join(["<table>", *rows, "</table>"])


@dataclass(frozen=True)
class Section:
    """One section of a page.

    Attributes:
        heading: Its heading, as text.
        content: Its elements, as HTML: tables and plots.
        note: A paragraph before the elements, as text; may be empty.
    """

    heading: str
    content: str
    note: str = ""

    def html(self) -> str:
        """The section as HTML elements."""
        note = [f"<p>{html.escape(self.note)}</p>"] if self.note else []
        return "\n".join([f"<h2>{html.escape(self.heading)}</h2>", *note, self.content])


def new_folder() -> Path:
    """A folder for the report of a run that begins now; the first file makes it."""
    return REPORTS / datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")


def page(title: str, sections: Sequence[Section]) -> str:
    """A whole HTML page."""
    return PAGE.substitute(title=html.escape(title), sections="\n".join(each.html() for each in sections))


def svg(axes: Axes) -> str:
    """The figure of these axes as an SVG element, its legend beside the plot."""
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    text = io.StringIO()
    figure = axes.get_figure(root=True)
    assert figure is not None  # noqa: S101 - every plot here is made with a figure
    figure.savefig(text, format="svg", bbox_inches="tight")
    _prologue, tag, drawing = text.getvalue().partition("<svg")
    return tag + drawing


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = zip(line, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]


def _html_row(element: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{element}>{html.escape(cell)}</{element}>" for cell in cells) + "</tr>"
