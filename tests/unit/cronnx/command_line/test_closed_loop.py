from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cronnx import ConnectionFailed, DeadlineExceeded, Outcome
from cronnx.command_line._closed_loop import Measurement, measure
from tests.unit.cronnx.command_line.fake_server import FakeServer, answer


class Clock:
    """Goes on by a second whenever somebody looks."""

    def __init__(self) -> None:
        self.now = -1.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


class TimedClient:
    """Answers in the times given."""

    def __init__(self, *seconds: float | Exception) -> None:
        self._seconds = list(seconds)
        self.images: list[bytes] = []

    def classify_many(self, images: Any, **_: Any) -> Iterator[Outcome[Any]]:
        for index, (image, taken) in enumerate(zip(images, self._seconds, strict=False)):
            self.images.append(image)
            error = taken if isinstance(taken, Exception) else None
            yield Outcome(image, index, None if error else answer(image, 1), error, 0 if error else taken)  # type: ignore[arg-type]


def measured(client: Any, seconds: float = 1000) -> Measurement:
    return measure(client, [b"a", b"b"], concurrency=2, seconds=seconds, model_name="net", clock=Clock())


def test_images_are_sent_over_and_over_until_the_time_is_up() -> None:
    client = FakeServer().connect("")
    seen = measured(client, seconds=5)
    assert client._server.asked == [b"a", b"b", b"a", b"b"]  # the clock says 1, 2, 3, 4 and stops them at 5
    assert seen.images_per_s == pytest.approx(4 / 6)


def test_latencies_are_percentiles_in_milliseconds() -> None:
    seen = measured(TimedClient(*(number / 1000 for number in range(101))))
    assert seen.latencies_ms == pytest.approx((50, 95, 99))


def test_errors_are_counted_and_have_no_latency() -> None:
    seen = measured(TimedClient(0.1, DeadlineExceeded("late"), 0.1))
    assert (seen.errors, seen.latencies_ms) == (1, pytest.approx((100, 100, 100)))


def test_where_nothing_is_answered_there_are_no_latencies() -> None:
    seen = measured(TimedClient(DeadlineExceeded("late")))
    assert (seen.images_per_s, seen.latencies_ms, seen.errors) == (0, None, 1)


def test_without_a_server_there_is_nothing_to_measure() -> None:
    with pytest.raises(ConnectionFailed):
        measured(TimedClient(ConnectionFailed("nobody there")))
