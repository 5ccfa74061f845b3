"""Which legs a round has, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cronnx_lab.bench import in_process_limit as in_process
from cronnx_lab.measurement import CLOSED_LOOP, FASTAPI, PERF_ANALYZER, TRITON, Leg

BUSY = 16
REFERENCE_VERSION = 1


@dataclass(frozen=True)
class Plan:
    """What a run measures.

    Attributes:
        versions: of the model.
        concurrency: requests under way at a time, ascending.
        pictures: names of sets; the first is measured at every concurrency, the others at one.
    """

    versions: Sequence[int]
    concurrency: Sequence[int]
    pictures: Sequence[str]

    @property
    def busy(self) -> int:
        """The concurrency that targets are set for: 16, or the nearest that is measured."""
        return min(self.concurrency, key=lambda concurrency: abs(concurrency - BUSY))

    def legs(self) -> list[Leg]:
        """A round's legs, those that are compared with each other side by side."""
        legs: list[Leg] = []
        for concurrency in self.concurrency:
            for version in self.versions:
                legs += self._served(version, concurrency)
            legs.append(Leg(FASTAPI, CLOSED_LOOP, REFERENCE_VERSION, concurrency, self.pictures[0]))
        return legs

    def _served(self, version: int, concurrency: int) -> list[Leg]:
        main, *others = self.pictures
        legs = [Leg(TRITON, load, version, concurrency, main) for load in (PERF_ANALYZER, CLOSED_LOOP)]
        if concurrency == min(self.concurrency):
            legs.insert(0, in_process.single(version, main))
        if concurrency == self.busy:
            legs[:0] = in_process.crowded(version, main)
            if version == self.versions[0]:
                legs += [Leg(TRITON, CLOSED_LOOP, version, concurrency, pictures) for pictures in others]
        return legs

    def warm_up(self) -> list[Leg]:
        """A leg for every contender and version, at the highest concurrency: what grows with load has grown then."""
        return [leg for leg in self.legs() if leg.concurrency == max(self.concurrency)]
