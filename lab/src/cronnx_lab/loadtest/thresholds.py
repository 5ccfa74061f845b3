"""What a run has to hold, and whether it did.

Latencies are judged as multiples of the median of one caller alone, measured on the same server just before: the same
thresholds then hold on a laptop and on a GPU. Where requests were served strictly one after the other, each would wait
for those of all other users, which is `users` times that median.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True)
class Thresholds:
    """The limits; `min_throughput` is in answers a second, None for half of those of one caller alone."""

    max_error_rate: float
    max_p95_ratio: float
    max_p99_ratio: float
    min_throughput: float | None = None


@dataclass(frozen=True)
class Seen:
    """What a model has done under load.

    Attributes:
        requests: sent to it.
        answers: how many came, by arm: by the `served_by` in them.
        p95_ms: 95th percentile of the answers' latencies.
        p99_ms: 99th percentile.
    """

    requests: int
    answers: Mapping[str, int]
    p95_ms: float
    p99_ms: float

    @property
    def failures(self) -> int:
        """Requests without an answer."""
        return self.requests - sum(self.answers.values())


NOT_ASKED = Seen(0, {}, 0.0, 0.0)


@dataclass(frozen=True)
class Verdict:
    """One threshold, and whether it was held."""

    holds: bool
    sentence: str

    def __str__(self) -> str:
        return f"{'held  ' if self.holds else 'MISSED'}  {self.sentence}"


def judge(
    seen: Mapping[str, Seen], alone_ms: Mapping[str, float], *, duration_s: float, thresholds: Thresholds
) -> list[Verdict]:
    """Hold a run to its thresholds: one verdict a model and threshold, and one on the throughput.

    Args:
        seen: by model; one that is not there has not been asked.
        alone_ms: the median latency of one caller alone, by model; these are the models judged.
        duration_s: from the first request to the last answer.
        thresholds: the limits.
    """
    of_models = (
        _of_model(name, seen.get(name, NOT_ASKED), median_ms, thresholds) for name, median_ms in alone_ms.items()
    )
    return [*chain.from_iterable(of_models), _of_throughput(seen, alone_ms, duration_s, thresholds)]


def _of_model(name: str, seen: Seen, alone_ms: float, thresholds: Thresholds) -> Iterator[Verdict]:
    rate = seen.failures / seen.requests if seen.requests else 1.0
    yield Verdict(
        rate <= thresholds.max_error_rate,
        f"{name}: {seen.failures} of {seen.requests} requests failed, at most {thresholds.max_error_rate:.2%} may",
    )
    if not seen.answers:
        return
    for percentile, latency_ms, limit in (
        ("p95", seen.p95_ms, thresholds.max_p95_ratio),
        ("p99", seen.p99_ms, thresholds.max_p99_ratio),
    ):
        ratio = latency_ms / alone_ms
        sentence = f"{percentile} {latency_ms:.0f} ms, {ratio:.1f} times {alone_ms:.1f} ms alone, at most {limit:g}"
        yield Verdict(ratio <= limit, f"{name}: {sentence}")


def _of_throughput(
    seen: Mapping[str, Seen], alone_ms: Mapping[str, float], duration_s: float, thresholds: Thresholds
) -> Verdict:
    floor = thresholds.min_throughput
    if floor is None:  # half of what one caller gets who asks the models in turn
        floor = 0.5 * 1000 * len(alone_ms) / sum(alone_ms.values())
    answers = sum(sum(each.answers.values()) for each in seen.values())
    throughput = answers / duration_s if answers else 0.0
    return Verdict(throughput >= floor, f"{throughput:.1f} answers/s, at least {floor:.1f}")
