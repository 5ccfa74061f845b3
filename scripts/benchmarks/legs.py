"""A leg: one contender under one load for a few seconds, the unit that takes turns."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean

from benchmarks.step_times import StepTimes

IN_PROCESS, TRITON, FASTAPI = "in-process", "triton", "fastapi"
PERF_ANALYZER, CLOSED_LOOP = "perf_analyzer", "closed loop"
WARM_UP_S = 0.5

Span = tuple[float, float]


@dataclass(frozen=True)
class Leg:
    """What is measured.

    Attributes:
        contender: who answers.
        load: who asks; for the contender that asks itself, the batch of each of its processes.
        version: of the model.
        concurrency: images under way at a time.
        pictures: the name of a set of pictures.
        processes: of the contender that asks itself, how many.
    """

    contender: str
    load: str
    version: int
    concurrency: int
    pictures: str
    processes: int = 0

    def __str__(self) -> str:
        """For people, in one line."""
        return f"{self.contender} v{self.version}, {self.load}, concurrency {self.concurrency}, {self.pictures}"


@dataclass(frozen=True)
class Measurement:
    """What one leg gave in one round.

    Attributes:
        seconds: how long it was measured, the warm-up before and the last answers after it left out.
        latencies_s: of the images answered in these seconds.
        answered: images answered in all, those before and after included.
        failed: images that got an error instead.
        cpu_s: of the contender, its processes together, for all that was answered.
        generator_cpu_s: of who asked.
        pss_bytes: the most memory seen, the contender's processes together; shared pages are counted once.
        steps: of an ensemble, by model.
    """

    seconds: float
    latencies_s: tuple[float, ...]
    answered: int
    failed: int
    cpu_s: float
    generator_cpu_s: float
    pss_bytes: int
    steps: dict[str, StepTimes] = field(default_factory=dict)

    @property
    def images_per_s(self) -> float:
        """Images answered a second."""
        return len(self.latencies_s) / self.seconds

    @property
    def mean_latency_s(self) -> float:
        """Of the images answered in the measured seconds; zero where there were none."""
        return fmean(self.latencies_s or (0.0,))

    @property
    def cpu_s_per_image(self) -> float:
        """What an answer costs the contender."""
        return self.cpu_s / max(1, self.answered)

    @property
    def generator_cpu_s_per_image(self) -> float:
        """What an answer costs who asks."""
        return self.generator_cpu_s / max(1, self.answered)


def latencies_within(spans: list[Span], *, seconds: float) -> tuple[float, ...]:
    """The latencies of those requests that ended within `seconds` after the warm-up.

    Args:
        spans: when each request began and ended, in seconds on one clock; the first began with the leg.
        seconds: the length of the window.
    """
    if not spans:
        return ()
    opens = min(start for start, _ in spans) + WARM_UP_S
    return tuple(end - start for start, end in spans if opens <= end < opens + seconds)
