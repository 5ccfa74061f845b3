from __future__ import annotations

import pytest

from benchmarks.legs import WARM_UP_S, Measurement, latencies_within


def test_requests_count_that_end_between_the_warm_up_and_the_last_second() -> None:
    early, first, last, late = (9.0, 9.1), (9.0, 9.6), (9.2, 10.4), (9.3, 10.6)
    assert latencies_within([early, first, last, late], seconds=1.0) == pytest.approx((0.6, 1.2))


def test_the_clock_may_start_anywhere() -> None:
    spans = [(WARM_UP_S + start, WARM_UP_S + start + 0.25) for start in (0.0, 0.5, 1.0)]
    assert latencies_within(spans, seconds=2.0) == latencies_within([(a + 64, b + 64) for a, b in spans], seconds=2.0)


def test_no_request_is_no_latency() -> None:
    assert latencies_within([], seconds=1.0) == ()


def test_what_an_image_costs_is_shared_by_all_that_were_answered() -> None:
    measured = Measurement(2.0, (0.1,) * 6, 8, 0, 4.0, 0.8, 0)
    assert measured.images_per_s == 3.0
    assert measured.cpu_s_per_image == 0.5
    assert measured.generator_cpu_s_per_image == pytest.approx(0.1)
