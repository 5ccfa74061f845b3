"""A leg: one contender under one load for a few seconds, the unit that takes turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cronnx_lab.bench.step_times import StepTimes

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
        images_per_s: answered a second, the warm-up before and the last answers after it left out.
        latencies_s: of the images answered in this time.
        answered: images answered in all, those before and after included.
        failed: images that got an error instead.
        cpu_s: of the contender, its processes together, for all that was answered.
        generator_cpu_s: of who asked.
        pss_bytes: the most memory seen, the contender's processes together; shared pages are counted once.
        steps: of an ensemble, by model.
    """

    images_per_s: float
    latencies_s: tuple[float, ...]
    answered: int
    failed: int
    cpu_s: float
    generator_cpu_s: float
    pss_bytes: int
    steps: dict[str, StepTimes] = field(default_factory=dict)

    @property
    def cpu_s_per_image(self) -> float:
        """What an answer costs the contender."""
        return self.cpu_s / max(1, self.answered)

    @property
    def generator_cpu_s_per_image(self) -> float:
        """What an answer costs who asks."""
        return self.generator_cpu_s / max(1, self.answered)


@dataclass(frozen=True)
class Seen:
    """What the requests of a leg say of its speed, those of the warm-up and the last ones left out.

    Attributes:
        images_per_s: answered a second.
        latencies_s: of those answered.
    """

    images_per_s: float = 0.0
    latencies_s: tuple[float, ...] = ()


def seen(spans: Sequence[Span], *, seconds: float, drained: bool) -> Seen:
    """Look at a leg from the end of its warm-up on.

    A request that is under way at an edge counts by the part of it that lies within: answers come in batches, and to
    count them whole would make a short leg faster or slower by a batch.

    Args:
        spans: when each request began and ended, in seconds on one clock; the first began with the leg.
        seconds: for how long to look.
        drained: whether requests under way at the end were waited for and are among the spans. Where they are not, the
            look ends earlier, when all that were under way are; where that leaves nothing, answers are counted whole.
    """
    if not spans:
        return Seen()
    opens = min(start for start, _ in spans) + WARM_UP_S
    closes = opens + seconds if drained else min(opens + seconds, _all_known_until(spans))
    latencies_s = tuple(end - start for start, end in spans if opens <= end < opens + seconds)
    if closes <= opens:
        return Seen(len(latencies_s) / seconds, latencies_s)
    parts = (max(0.0, min(end, closes) - max(start, opens)) / (end - start) for start, end in spans)
    return Seen(sum(parts) / (closes - opens), latencies_s)


def _all_known_until(spans: Sequence[Span]) -> float:
    """When the last request can have begun that would have been answered by the last answer."""
    return max(end for _, end in spans) - max(end - start for start, end in spans)
