"""Plots as elements of a page."""

from __future__ import annotations

import io

from matplotlib.axes import Axes


def svg(axes: Axes) -> str:
    """The figure of these axes, its legend beside it."""
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    text = io.StringIO()
    figure = axes.get_figure(root=True)
    assert figure is not None  # noqa: S101 - axes are made with one
    figure.savefig(text, format="svg", bbox_inches="tight")
    _prologue, tag, drawing = text.getvalue().partition("<svg")
    return tag + drawing
