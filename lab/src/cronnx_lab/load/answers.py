"""The order that a load generator takes, the answers it reports, and their throughput and latencies."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

WARM_UP_S = 0.5
"""The start of a load, which no figure includes."""

OK, REFUSED, BROKEN = 200, 503, 0
"""Statuses of an answer: HTTP's, and 0 where the connection broke."""

Span: TypeAlias = tuple[float, float]
"""When a request was sent and when it was answered, in seconds on one clock."""

Answer: TypeAlias = tuple[float, float, int]
"""A span in seconds since the load began, and the status."""


@dataclass(frozen=True)
class Order:
    """The load to generate: a closed loop where `concurrency` is set, an open loop where `rate_per_s` is.

    Attributes:
        addresses: (host, port) of the servers; connections are spread evenly over them.
        requests: Files with one whole HTTP request each, sent in rotation.
        seconds: How long to send new requests.
        concurrency: Connections, each with one request in flight.
        rate_per_s: Requests a second on average, sent whether or not earlier ones are answered.
        wait_s: How long an open loop waits for the last answers.
    """

    addresses: list[tuple[str, int]]
    requests: list[str]
    seconds: float
    concurrency: int = 0
    rate_per_s: float = 0.0
    wait_s: float = 30.0


@dataclass(frozen=True)
class Answers:
    """What a load generator saw.

    Attributes:
        answers: One for each request that was answered or whose connection broke.
        unanswered: Requests still without an answer at the end.
        sent: Open loop: when each request was due and when it was sent, in the order of sending.
        cpu_s: CPU time of the generator during the load.
    """

    answers: list[Answer] = field(default_factory=list)
    unanswered: int = 0
    sent: list[Span] = field(default_factory=list)
    cpu_s: float = 0.0

    def spans(self, status: int = OK) -> list[Span]:
        """The spans of the answers with one status."""
        return [(sent, answered) for sent, answered, found in self.answers if found == status]

    def latencies_s(self, status: int = OK) -> list[float]:
        """The latencies of the answers with one status, in seconds."""
        return [answered - sent for sent, answered in self.spans(status)]

    def latencies_without_delay_s(self, status: int) -> list[float]:
        """The latencies of the answers with one status, less the delay of the generator itself, in seconds.

        A generator on the server's machine waits for a core, too. Its delay while a request was in flight is the
        longest part of that time in which another request was due and not sent.
        """
        sent_at = [sent for _, sent in self.sent]
        return [
            answered - sent - self._delay_s(sent, answered, first=bisect_left(sent_at, sent))
            for sent, answered in self.spans(status)
        ]

    def _delay_s(self, sent: float, answered: float, *, first: int) -> float:
        longest = 0.0
        for other_due, other_sent in islice(self.sent, first, None):
            if other_due > answered:
                break
            longest = max(longest, min(other_sent, answered) - max(other_due, sent))
        return longest

    def count(self, status: int = OK) -> int:
        """The number of answers with one status."""
        return sum(found == status for _, _, found in self.answers)


@dataclass(frozen=True)
class Speed:
    """How fast requests were answered after the warm-up.

    Attributes:
        images_per_s: Images answered a second.
        latencies_s: The latency of each of them, in seconds.
    """

    images_per_s: float = 0.0
    latencies_s: tuple[float, ...] = ()


def speed(spans: Sequence[Span], *, seconds: float, drained: bool) -> Speed:
    """Compute throughput and latencies in the time window that follows the warm-up.

    A request that crosses an edge of the window counts by the part inside it: answers come in batches, and whole counts
    would make a short window faster or slower by a batch.

    Args:
        spans: The requests that were answered; the first began with the load.
        seconds: The length of the window.
        drained: Whether the spans include the requests in flight at the end. Without them, the window ends earlier,
            where all requests are known; if it is then empty, answers count whole.
    """
    if not spans:
        return Speed()
    opens = min(start for start, _ in spans) + WARM_UP_S
    closes = opens + seconds if drained else min(opens + seconds, _all_known_until(spans))
    latencies_s = tuple(end - start for start, end in spans if opens <= end < opens + seconds)
    if closes <= opens:
        return Speed(len(latencies_s) / seconds, latencies_s)
    parts = (max(0.0, min(end, closes) - max(start, opens)) / (end - start) for start, end in spans)
    return Speed(sum(parts) / (closes - opens), latencies_s)


def _all_known_until(spans: Sequence[Span]) -> float:
    """The latest time at which every request in flight is among the spans, if none takes longer than the longest."""
    return max(end for _, end in spans) - max(end - start for start, end in spans)
