"""Who gets which arm; the bounds are the binomial's at 99.9 % for the number of draws."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from cronnx_router.arms import Arm
from cronnx_router.split import Split

A, B, C = Arm("lite0_onnx", 1), Arm("lite0_onnx", 2), Arm("resnet50_onnx", 1)
Z_999 = 3.2905
USERS = [f"user-{number}".encode() for number in range(20_000)]


def assert_is_binomial(found: int, draws: int, probability: float) -> None:
    margin = Z_999 * math.sqrt(draws * probability * (1 - probability))
    assert abs(found - draws * probability) <= margin


@pytest.mark.parametrize("weights", [{A: 90, B: 10}, {A: 0.5, B: 0.5}, {A: 1, B: 2, C: 7}, {A: 999, B: 1}])
def test_nobodys_images_are_split_by_weight(weights: dict[Arm, float]) -> None:
    seeded = random.Random(3)  # noqa: S311 - reproducible
    split = Split(weights, draw=lambda: seeded.randbytes(16))
    found = Counter(split.arm() for _ in range(20_000))
    for arm, weight in weights.items():
        assert_is_binomial(found[arm], 20_000, weight / sum(weights.values()))


@pytest.mark.parametrize("weights", [{A: 90, B: 10}, {A: 1, B: 2, C: 7}])
def test_users_are_split_by_weight(weights: dict[Arm, float]) -> None:
    split = Split(weights)
    found = Counter(map(split.arm, USERS))
    for arm, weight in weights.items():
        assert_is_binomial(found[arm], len(USERS), weight / sum(weights.values()))


def test_a_user_keeps_the_arm_while_the_weights_stand() -> None:
    split, restarted = Split({A: 90, B: 10}), Split({B: 10, A: 90})
    for user in USERS[:1000]:
        assert {split.arm(user) for _ in range(20)} == {restarted.arm(user)}


def test_where_a_weight_grows_only_as_many_users_as_it_must_move_and_only_to_it() -> None:
    before, after = Split({A: 90, B: 10}), Split({A: 80, B: 20})
    moves = Counter((before.arm(user), after.arm(user)) for user in USERS)
    assert moves[B, A] == 0
    assert_is_binomial(moves[A, B], len(USERS), 0.1)


def test_users_of_the_other_arms_stay_where_they_are_when_an_arm_is_added() -> None:
    before, after = Split({A: 1, B: 1}), Split({A: 1, B: 1, C: 1})
    assert {after.arm(user) for user in USERS if after.arm(user) != before.arm(user)} == {C}


def test_only_the_proportions_of_weights_count() -> None:
    small, large = Split({A: 0.9, B: 0.1}), Split({A: 900, B: 100})
    assert [small.arm(user) for user in USERS[:1000]] == [large.arm(user) for user in USERS[:1000]]


def test_an_arm_without_weight_gets_nobody() -> None:
    assert {Split({A: 1, B: 0}).arm(user) for user in USERS[:1000]} == {A}


def test_users_keep_their_arms_from_one_release_to_the_next() -> None:
    split = Split({A: 50, B: 50})
    found = "".join(str(split.arm(f"user-{number}".encode()).model_version) for number in range(20))
    assert found == "22111221121212112112"
