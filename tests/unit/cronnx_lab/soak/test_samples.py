from __future__ import annotations

import pytest

from cronnx_lab.soak.samples import Sample, growth, verdicts


def sample(requests: int, own_bytes: int, *, failed: int = 0, descriptors: int = 10) -> Sample:
    return Sample(requests, failed, 0.01, 0.02, own_bytes, 0, descriptors)


def soaked(memory: list[int]) -> list[Sample]:
    """Slices of 100 requests each."""
    return [sample(100 * (number + 1), each) for number, each in enumerate(memory)]


def memory(each: Sample) -> float:
    return each.own_bytes


def test_growth_is_from_the_second_tenth_to_the_last() -> None:
    start, middle, end = [500, 900], [1000, 1000], [1500] * 14
    assert growth(soaked([*start, *middle, *end, 1100, 1100]), memory) == pytest.approx(0.1)


def test_one_slice_that_stands_out_does_not_decide() -> None:
    flat = soaked([1000] * 28 + [1000, 9000, 1000])
    assert growth(flat, memory) == 0


def test_a_soak_of_a_slice_or_two_has_no_growth_to_show_but_is_no_error() -> None:
    assert growth(soaked([1000]), memory) == 0
    assert growth(soaked([1000, 1100]), memory) == pytest.approx(0.1)


def test_what_grows_or_fails_is_missed() -> None:
    held = soaked([1000] * 10 + [1019] * 10)
    assert [each.holds for each in verdicts(held)] == [True, True, True]
    grown = [sample(each.requests, each.requests + 1000, failed=1, descriptors=each.requests) for each in held]
    assert [each.holds for each in verdicts(grown)] == [False, False, False]
    assert verdicts(grown)[2].measured == "20"
