from __future__ import annotations

from dataclasses import replace

import pytest

from cronnx_lab.bench.breakdown import PARTS, breakdown_ms, spreads
from tests.unit.cronnx_lab.bench.measured import OBSERVATION


def test_the_time_of_a_request_is_divided_between_its_parts() -> None:
    assert breakdown_ms(OBSERVATION) == pytest.approx(
        {
            "queue": 3,
            "decode": 6,
            "resize": 3,
            "normalise": 2,
            "network": 14,
            "head": 4,
            "copy": 6,
            "stubs": 4,
            "rest": 8,
        }
    )


def test_the_parts_add_up_to_the_mean_latency() -> None:
    slow_alone = replace(OBSERVATION, alone=replace(OBSERVATION.alone, preprocess_s=1.0))
    for each in (OBSERVATION, slow_alone):
        assert sum(breakdown_ms(each).values()) == pytest.approx(50)


def test_each_part_has_its_spread_over_the_rounds() -> None:
    rounds = [replace(OBSERVATION, latencies_s=[latency_s]) for latency_s in (0.05, 0.07, 0.06)]
    found = spreads(rounds)
    assert list(found) == list(PARTS)
    assert (found["rest"].median, found["rest"].lowest, found["rest"].highest) == pytest.approx((18, 8, 28))
