"""The cases of a round, and their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cronnx_lab.bench import in_process_limit
from cronnx_lab.measurement import CLOSED_LOOP, FASTAPI, PERF_ANALYZER, TRITON, Case

BUSY = 16
REFERENCE_VERSION = 1
"""The version in FP32, which FastAPI's users have."""


@dataclass(frozen=True)
class Plan:
    """What a run measures.

    Attributes:
        versions: Versions of the model.
        concurrency: Requests in flight at a time, in ascending order.
        pictures: Names of sets of pictures. The first is measured at every concurrency, the others at one.
    """

    versions: Sequence[int]
    concurrency: Sequence[int]
    pictures: Sequence[str]

    @property
    def busy(self) -> int:
        """The concurrency that the targets refer to: 16, or the nearest measured one."""
        return min(self.concurrency, key=lambda concurrency: abs(concurrency - BUSY))

    def cases(self) -> list[Case]:
        """The cases of a round; those that are compared with each other are adjacent."""
        cases: list[Case] = []
        for concurrency in self.concurrency:
            for version in self.versions:
                cases += self._version_cases(version, concurrency)
                cases.append(Case(FASTAPI, CLOSED_LOOP, version, concurrency, self.pictures[0]))
        return cases

    def _version_cases(self, version: int, concurrency: int) -> list[Case]:
        main, *others = self.pictures
        cases = [Case(TRITON, load, version, concurrency, main) for load in (PERF_ANALYZER, CLOSED_LOOP)]
        if concurrency == min(self.concurrency):
            cases.insert(0, in_process_limit.single(version, main))
        if concurrency == self.busy:
            cases[:0] = in_process_limit.saturated(version, main)
            if version == self.versions[0]:
                cases += [Case(TRITON, CLOSED_LOOP, version, concurrency, pictures) for pictures in others]
        return cases

    def warm_up(self) -> list[Case]:
        """One case for all that differ only in the concurrency, which is the highest."""
        return list({replace(case, concurrency=0): case for case in self.cases()}.values())
