"""What a run shows: how far it is, and what came of all cases."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType

from cronnx_lab.fuzz.campaign import Tally
from cronnx_lab.report import Table
from cronnx_server import progress

EVERY_S = 5.0


class Progress:
    """Says every few seconds how many of the cases are done."""

    def __init__(self, what: str, total: int) -> None:
        """Name what is done."""
        self._what, self._total, self._done = what, total, 0
        self._told_at = time.monotonic()

    def __enter__(self) -> Progress:
        progress.step(f"{self._what}, {self._total} cases")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not kind:
            self._tell()

    def step(self) -> None:
        """Count one case."""
        self._done += 1
        if time.monotonic() - self._told_at >= EVERY_S:
            self._tell()

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        print(f"    {self._done} of {self._total}", file=sys.stderr, flush=True)


def report(tallies: Mapping[str, Tally]) -> str:
    """A row a kind, and under them what was wrong."""
    rows = [
        (
            kind,
            str(tally.cases),
            ", ".join(f"{count} {outcome}" for outcome, count in sorted(tally.outcomes.items())),
            str(tally.wrong_count),
            f"{1000 * tally.slowest_s:.0f}",
        )
        for kind, tally in tallies.items()
    ]
    table = Table(("kind", "cases", "outcomes", "wrong", "slowest ms"), rows)
    wrong = [f"{kind}: {line}" for kind, tally in tallies.items() for line in tally.wrong]
    return "\n".join((str(table), *wrong))
