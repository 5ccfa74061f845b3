"""Which settings are worth trying: few, chosen from the machine's cores and the model's largest batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cronnx_lab.tune.settings import Settings

DELAYS_US = (0, 1_000, 5_000)


@dataclass(frozen=True)
class Candidate:
    """The settings of every step of an ensemble that can be tuned, by model."""

    steps: tuple[tuple[str, Settings], ...]

    def settings(self, step: str) -> Settings:
        """Those of one step."""
        return dict(self.steps)[step]

    def with_step(self, step: str, settings: Settings) -> Candidate:
        """The same, with one step's settings in place of its own."""
        return Candidate(tuple((name, settings if name == step else own) for name, own in self.steps))


def shapes(present: Settings, *, cores: int) -> list[Settings]:
    """Instances and threads: one that uses every core or half of them, two that share them, one a core."""
    ways = {(1, cores), (1, max(1, cores // 2)), (min(2, cores), max(1, cores // 2)), (cores, 1)}
    return _beside(
        present,
        (
            replace(present, instances=instances, threads=0 if threads == cores else threads)
            for instances, threads in sorted(ways)
        ),
    )


def batchings(present: Settings, *, max_batch_size: int, concurrency: int) -> list[Settings]:
    """Delays, and the longest also with a batch that ends it: half of what can be waiting at a time."""
    half = min(max_batch_size, concurrency) // 2
    tried = [replace(present, max_queue_delay_microseconds=us, preferred_batch_size=()) for us in DELAYS_US]
    if half > 1:
        tried.append(replace(tried[-1], preferred_batch_size=(half,)))
    return _beside(present, tried)


def _beside(present: Settings, others: Iterable[Settings]) -> list[Settings]:
    """The present settings first, and each of the others once."""
    return list(dict.fromkeys([present, *others]))
