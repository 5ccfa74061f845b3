"""The record of what was tried to make it faster: a line a run that has a note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cronnx_lab.bench.targets import Verdict
from cronnx_server.files import write_whole
from cronnx_server.paths import ROOT

HISTORY = ROOT / "docs" / "benchmarks" / "history.md"
HEADING = """\
# What was tried

Written by `scripts/bench --note TEXT`, a line a run. Ratios are medians over rounds, measured side by side on one
machine; lines of different machines compare in their ratios only. A plus after a commit: with changes not committed.

| began | commit | machine | note | measured |
|---|---|---|---|---|
"""


def append(run: Mapping[str, str], verdicts: Sequence[Verdict], *, path: Path = HISTORY) -> None:
    """Add a run's line.

    Raises:
        SetupError: it cannot be written.
    """
    before = path.read_text() if path.exists() else HEADING
    measured = ", ".join(f"{each.name}: {each.measured.partition(' ')[0]}" for each in verdicts)
    cells = (*(run[name] for name in ("began", "commit", "machine", "note")), measured)
    line = " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    write_whole(path, f"{before}| {line} |\n".encode())
