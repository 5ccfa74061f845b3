from __future__ import annotations

import pytest

from cronnx_lab.load.answers import BROKEN, OK, REFUSED, WARM_UP_S, Answers, Span, Speed, speed


def steady(*, latency_s: float, connections: int, until_s: float) -> list[Span]:
    """Back-to-back requests on several connections in step."""
    times = [latency_s * number for number in range(round(until_s / latency_s) + 1)]
    return [(start, start + latency_s) for start in times for _ in range(connections)]


@pytest.mark.parametrize("latency_s", [0.125, 0.3, 0.7])
def test_the_speed_does_not_depend_on_where_batches_of_answers_fall(latency_s: float) -> None:
    spans = steady(latency_s=latency_s, connections=16, until_s=2.5)
    assert speed(spans, seconds=2.0, drained=True).images_per_s == pytest.approx(16 / latency_s)


def test_unreported_requests_in_flight_at_the_end_do_not_lower_the_speed() -> None:
    spans = [span for span in steady(latency_s=0.7, connections=16, until_s=2.8) if span[1] <= 2.8]
    assert speed(spans, seconds=2.0, drained=False).images_per_s == pytest.approx(16 / 0.7)


def test_requests_longer_than_the_window_have_a_speed_if_they_were_waited_for() -> None:
    spans = [(0.0, 4.0)] * 16
    assert speed(spans, seconds=2.0, drained=True).images_per_s == pytest.approx(4)


def test_requests_longer_than_an_undrained_window_count_whole() -> None:
    spans = [(0.0, 2.0)] * 16
    assert speed(spans, seconds=2.0, drained=False).images_per_s == pytest.approx(8)


def test_latencies_are_of_requests_that_ended_between_the_warm_up_and_the_last_second() -> None:
    early, first, last, late = (9.0, 9.1), (9.0, 9.6), (9.2, 10.4), (9.3, 10.6)
    assert speed([early, first, last, late], seconds=1.0, drained=True).latencies_s == pytest.approx((0.6, 1.2))


def test_the_warm_up_does_not_count() -> None:
    slow = [(0.0, WARM_UP_S)]
    fast = [(WARM_UP_S + start / 10, WARM_UP_S + (start + 1) / 10) for start in range(12)]
    assert speed([*slow, *fast], seconds=0.5, drained=True).images_per_s == pytest.approx(10)


def test_the_clock_may_start_anywhere() -> None:
    spans = steady(latency_s=0.25, connections=2, until_s=2.5)
    later = [(start + 64, end + 64) for start, end in spans]
    assert speed(spans, seconds=2.0, drained=True) == speed(later, seconds=2.0, drained=True)


@pytest.mark.parametrize("spans", [[], [(0.0, 0.25)]], ids=["none", "all in the warm-up"])
@pytest.mark.parametrize("drained", [True, False])
def test_nothing_answered_in_the_window_is_no_speed(spans: list[Span], *, drained: bool) -> None:
    assert speed(spans, seconds=1.0, drained=drained) == Speed(0.0, ())


def test_answers_are_told_apart_by_their_status() -> None:
    answers = Answers([(0.0, 1.0, OK), (0.5, 0.75, REFUSED), (1.0, 3.0, OK), (1.0, 2.0, BROKEN)])
    assert answers.spans() == [(0.0, 1.0), (1.0, 3.0)]
    assert answers.latencies_s(REFUSED) == [0.25]
    assert [answers.count(status) for status in (OK, REFUSED, BROKEN)] == [2, 1, 1]


@pytest.mark.parametrize(
    ("sent", "delay_s"),
    [
        ([(1.0, 1.0), (1.1, 1.1), (1.5, 1.5)], 0.0),
        ([(1.0, 1.0), (1.1, 1.3), (1.2, 1.3)], 0.2),
        ([(1.0, 1.0), (1.1, 1.9)], 0.3),
        ([(0.5, 1.0), (0.9, 1.2)], 0.2),
    ],
    ids=["none", "a pause", "a pause that outlasts the answer", "a pause that began before the request"],
)
def test_the_generators_own_delay_is_taken_from_a_latency(sent: list[Span], delay_s: float) -> None:
    answers = Answers([(1.0, 1.4, REFUSED)], sent=sent)
    assert answers.latencies_without_delay_s(REFUSED) == [pytest.approx(0.4 - delay_s)]
