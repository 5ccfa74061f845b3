"""Cases drawn by hypothesis, checked and counted."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from cronnx_lab.report import Table
from cronnx_server import progress

T = TypeVar("T")

SHOWN_FAULTS = 20
SHOWN_CHARACTERS = 2000


@dataclass
class Tally:
    """The results of the cases of one kind.

    Attributes:
        outcomes: The number of cases by outcome.
        wrong: The first faults, each with its case.
        wrong_count: The number of cases with a fault.
        slowest_s: The time of the slowest case, in seconds.
        slowest: That case.
        most_mb: The memory of the case that took the most, in megabytes; 0 if it is not measured.
        largest: That case.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    wrong_count: int = 0
    slowest_s: float = 0.0
    slowest: object = None
    most_mb: float = 0.0
    largest: object = None

    @property
    def cases(self) -> int:
        """The number of cases."""
        return self.outcomes.total()

    def add(self, outcome: str, *, fault: str | None, case: object, seconds: float, megabytes: float = 0.0) -> None:
        """Count one case."""
        self.outcomes[outcome] += 1
        if seconds > self.slowest_s:
            self.slowest_s, self.slowest = seconds, case
        if megabytes > self.most_mb:
            self.most_mb, self.largest = megabytes, case
        if fault:
            self.wrong_count += 1
        if fault and len(self.wrong) < SHOWN_FAULTS:
            self.wrong.append(f"{fault}; the case: {case!r}"[:SHOWN_CHARACTERS])


def explore(cases: st.SearchStrategy[T], check: Callable[[T], None], *, count: int, seed: int) -> None:
    """Draw `count` cases and check each. The same seed draws the same cases."""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        deadline=None,  # a busy machine is no fault
        database=None,
        phases=[Phase.generate],  # go on after a fault
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(cases)
    def run(case: T) -> None:
        check(case)

    run()


def tallied(
    cases: st.SearchStrategy[T], fault: Callable[[T], str | None], *, count: int, seed: int, on_case: Callable[[], None]
) -> Tally:
    """Check cases in this process and count them; `on_case` is called after each."""
    tally = Tally()

    def check(case: T) -> None:
        start = time.perf_counter()
        found = fault(case)
        seconds = time.perf_counter() - start
        tally.add("wrong" if found else "right", fault=found, case=case, seconds=seconds)
        on_case()

    explore(cases, check, count=count, seed=seed)
    return tally


EVERY_S = 5.0


class Progress:
    """Prints every few seconds how many cases are done."""

    def __init__(self, what: str, total: int) -> None:
        """Describe the work.

        Args:
            what: The work, for people.
            total: The number of cases.
        """
        self._what, self._total, self._done = what, total, 0
        self._printed_at = time.monotonic()

    def __enter__(self) -> Progress:
        progress.step(f"{self._what}, {self._total} cases")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not kind:
            self._print()

    def step(self) -> None:
        """Count one case."""
        self._done += 1
        if time.monotonic() - self._printed_at >= EVERY_S:
            self._print()

    def _print(self) -> None:
        self._printed_at = time.monotonic()
        print(f"    {self._done} of {self._total}", file=sys.stderr, flush=True)


def report(tallies: Mapping[str, Tally]) -> str:
    """A table with a row for each kind, and below it the faults."""
    rows = [
        (
            kind,
            str(tally.cases),
            ", ".join(f"{count} {outcome}" for outcome, count in sorted(tally.outcomes.items())),
            str(tally.wrong_count),
            f"{1000 * tally.slowest_s:.0f}",
            f"{tally.most_mb:.0f}" if tally.most_mb else "",
        )
        for kind, tally in tallies.items()
    ]
    table = Table(("kind", "cases", "outcomes", "wrong", "slowest ms", "most MB"), rows)
    worst = [
        f"{kind}: the slowest: {tally.slowest!r}\n{kind}: the most memory: {tally.largest!r}"
        for kind, tally in tallies.items()
        if tally.most_mb
    ]
    wrong = [f"{kind}: {line}" for kind, tally in tallies.items() for line in tally.wrong]
    return "\n".join((str(table), *worst, *wrong))
