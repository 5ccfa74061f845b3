"""Figures held to targets."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from cronnx_lab.report import Table


@dataclass(frozen=True)
class Spread:
    """A figure over several rounds: its median, lowest and highest value."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        """The spread of one figure per round."""
        return cls(statistics.median(figures), min(figures), max(figures))


@dataclass(frozen=True)
class Verdict:
    """A target and what was measured.

    Attributes:
        name: A short name, for records.
        what: The quantity that was measured.
        target: The bound, as text.
        measured: The figure, as text, with its spread over the rounds.
        holds: Whether the target is met.
    """

    name: str
    what: str
    target: str
    measured: str
    holds: bool


def at_least(name: str, what: str, least: float, spread: Spread) -> Verdict:
    """Compare the median of a figure with a lower bound."""
    return Verdict(name, what, f">= {least:.2f}", _text(spread), spread.median >= least)


def at_most(name: str, what: str, most: float, spread: Spread) -> Verdict:
    """Compare the median of a figure with an upper bound."""
    return Verdict(name, what, f"<= {most:.2f}", _text(spread), spread.median <= most)


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """One row per target."""
    rows = [(each.what, each.target, each.measured, "met" if each.holds else "MISSED") for each in verdicts]
    return Table(("target", "wanted", "measured", "verdict"), rows)


def _text(spread: Spread) -> str:
    return f"{spread.median:.2f} ({spread.lowest:.2f} to {spread.highest:.2f})"
