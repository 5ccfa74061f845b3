from __future__ import annotations

import pytest

from cronnx_lab.tune.candidates import Candidate, batchings, shapes
from cronnx_lab.tune.settings import Settings

PRESENT = Settings()


@pytest.mark.parametrize("cores", [1, 2, 3, 8, 64])
def test_shapes_are_few_different_and_keep_within_the_cores(cores: int) -> None:
    tried = shapes(PRESENT, cores=cores)
    assert tried[0] == PRESENT
    assert len(set(tried)) == len(tried) <= 4
    assert all(each.instances * (each.threads or cores) <= cores for each in tried)


def test_shapes_of_two_cores() -> None:
    assert [(each.instances, each.threads) for each in shapes(PRESENT, cores=2)] == [(1, 0), (1, 1), (2, 1)]


def test_present_settings_that_are_none_of_the_others_are_tried_beside_them() -> None:
    present = Settings(instances=5, threads=3)
    assert shapes(present, cores=2)[0] == present
    assert len(shapes(present, cores=2)) == 4


def test_batchings_are_delays_and_a_batch_that_half_the_requests_fill() -> None:
    tried = batchings(PRESENT, max_batch_size=32, concurrency=16)
    assert [(each.max_queue_delay_microseconds, each.preferred_batch_size) for each in tried] == [
        (0, ()),
        (1_000, ()),
        (5_000, ()),
        (5_000, (8,)),
    ]


def test_no_batch_is_preferred_where_no_two_requests_can_wait() -> None:
    assert not any(each.preferred_batch_size for each in batchings(PRESENT, max_batch_size=32, concurrency=2))


def test_a_candidate_changes_one_step() -> None:
    candidate = Candidate((("preprocess", PRESENT), ("network", PRESENT)))
    changed = candidate.with_step("network", Settings(instances=2))
    assert changed.settings("network") == Settings(instances=2)
    assert changed.settings("preprocess") == PRESENT
