"""What was tried and what to use, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cronnx_lab.bench.tables import Table
from cronnx_lab.tune.halving import Standing
from cronnx_lab.tune.settings import Settings
from cronnx_lab.tune.tuning import Tuned

HEADINGS = ("rounds", "images/s", "to present", "p50 ms", "p99 ms", "CPU ms/image", "failed", "")


def stage_table(tuned: Tuned) -> Table:
    """A stage's candidates; the first row is how the step ran before it."""
    pairs = zip(tuned.tried, tuned.standings, strict=True)
    return Table((tuned.step, *HEADINGS), [_row(settings, standing, tuned.chosen) for settings, standing in pairs])


def _row(settings: Settings, standing: Standing, chosen: Settings) -> list[str]:
    return [
        str(settings),
        str(standing.rounds),
        f"{standing.images_per_s:.1f}",
        f"{standing.ratio:.2f}",
        f"{1000 * standing.p50_s:.1f}",
        f"{1000 * standing.p99_s:.1f}",
        f"{1000 * standing.cpu_s_per_image:.1f}",
        str(standing.failed),
        "chosen" if settings == chosen else "",
    ]


def summary(changes: Mapping[str, Sequence[str]], steps: Mapping[str, Path]) -> str:
    """The lines to put into which file."""
    if not changes:
        return "The present settings stay: nothing that was tried is worth a change."
    return "\n".join(_block(steps[step] / "config.pbtxt", lines) for step, lines in changes.items())


def _block(path: Path, lines: Sequence[str]) -> str:
    return "\n".join([f"{path}:", *(f"  {line}" for line in lines)])
