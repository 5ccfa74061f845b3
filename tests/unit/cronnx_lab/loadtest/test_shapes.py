from __future__ import annotations

import pytest

from cronnx_lab.loadtest.shapes import SHAPES


def users(shape: str, *, duration_s: int = 20, peak: int = 10) -> list[int | None]:
    """How many there are at each second."""
    return [SHAPES[shape].users_at(second, duration_s=duration_s, peak=peak) for second in range(duration_s + 1)]


@pytest.mark.parametrize("shape", ["steady", "mixed", "ab"])
def test_all_users_are_there_from_the_first_second_on(shape: str) -> None:
    assert users(shape) == [10] * 20 + [None]


def test_a_ramp_goes_up_to_all_users_in_equal_steps() -> None:
    assert users("ramp") == [2] * 4 + [4] * 4 + [6] * 4 + [8] * 4 + [10] * 4 + [None]


def test_a_burst_is_followed_by_quiet_and_comes_again() -> None:
    assert users("burst") == ([1] * 5 + [10] * 5) * 2 + [None]


@pytest.mark.parametrize("shape", SHAPES)
def test_one_user_is_there_all_the_time(shape: str) -> None:
    assert users(shape, peak=1) == [1] * 20 + [None]


def test_only_named_users_are_sent_to_the_ab_ensembles() -> None:
    asked = {name: shape.ensembles(("toy",)) for name, shape in SHAPES.items()}
    assert asked == {"steady": ("toy",), "ramp": ("toy",), "burst": ("toy",), "mixed": ("toy",), "ab": ("toy_ab",)}
