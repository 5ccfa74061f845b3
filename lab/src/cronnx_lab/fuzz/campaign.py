"""Many cases drawn, asked and counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

T = TypeVar("T")

# Of the wrong ones, as many are kept to be shown, and of each so many characters.
SHOWN = 20
LONGEST = 2000


@dataclass
class Tally:
    """What came of the cases of one kind.

    Attributes:
        outcomes: how many ended how.
        wrong: what was wrong, with its case.
        wrong_count: of how many cases.
        slowest_s: the longest that one took.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    wrong_count: int = 0
    slowest_s: float = 0.0

    @property
    def cases(self) -> int:
        """How many there were."""
        return self.outcomes.total()

    def add(self, outcome: str, *, fault: str | None, case: object, seconds: float) -> None:
        """Count one case."""
        self.outcomes[outcome] += 1
        self.slowest_s = max(self.slowest_s, seconds)
        if fault:
            self.wrong_count += 1
        if fault and len(self.wrong) < SHOWN:
            self.wrong.append(f"{fault}; the case: {case!r}"[:LONGEST])


def explore(cases: st.SearchStrategy[T], check: Callable[[T], None], *, count: int, seed: int) -> None:
    """Draw so many cases and check each. The same seed draws the same ones."""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        deadline=None,  # a busy machine fails no case
        database=None,
        phases=[Phase.generate],  # every case is counted, also those after a wrong one
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(cases)
    def run(case: T) -> None:
        check(case)

    run()


def tallied(
    cases: st.SearchStrategy[T], fault: Callable[[T], str | None], *, count: int, seed: int, seen: Callable[[], None]
) -> Tally:
    """Check cases in this process; `seen` is told of each."""
    tally = Tally()

    def check(case: T) -> None:
        start = time.perf_counter()
        found = fault(case)
        seconds = time.perf_counter() - start
        tally.add("wrong" if found else "right", fault=found, case=case, seconds=seconds)
        seen()

    explore(cases, check, count=count, seed=seed)
    return tally
