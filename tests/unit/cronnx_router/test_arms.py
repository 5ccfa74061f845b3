"""How arms are read, and which user gets which; bounds of counts are the binomial's at 99.9 %."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from cronnx_router.arms import Arm, TrafficSplit, read_arm, read_weighted_arms
from cronnx_router.errors import ConfigError

A, B, C = Arm("lite0_onnx", 1), Arm("lite0_onnx", 2), Arm("resnet50_onnx", 1)
Z_999 = 3.2905
USERS = [f"user-{number}".encode() for number in range(20_000)]


def test_arms_are_read_in_the_order_given() -> None:
    arms = read_weighted_arms("resnet50_onnx/2=0.5  lite0_onnx/1=90", parameter="arms")
    assert list(arms.items()) == [(Arm("resnet50_onnx", 2), 0.5), (Arm("lite0_onnx", 1), 90)]


def test_an_arm_may_be_given_no_traffic() -> None:
    assert read_weighted_arms("a/1=1 a/2=0", parameter="arms") == {Arm("a", 1): 1, Arm("a", 2): 0}


@pytest.mark.parametrize("text", ["a/0", "a", "a/latest", "/1", "a/1/2", "a/-1", "a/01", ""])
def test_what_is_no_arm_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=f"^parameter 'shadow': expected MODEL/VERSION .*, got '{text}'$"):
        read_arm(text, parameter="shadow")


@pytest.mark.parametrize("weight", ["-1", "nan", "inf", "ten", "", "1=2"])
def test_a_weight_that_is_none_is_refused_by_name(weight: str) -> None:
    with pytest.raises(ConfigError, match=f"^parameter 'arms': expected a weight of 0 or more, got 'a/2={weight}'$"):
        read_weighted_arms(f"a/1=90 a/2={weight}", parameter="arms")


@pytest.mark.parametrize("text", ["", "a/1=0", "a/1=0 a/2=0.0"])
def test_arms_that_weigh_nothing_together_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"^parameter 'arms': .* with a weight above 0, got '{text}'$"):
        read_weighted_arms(text, parameter="arms")


def test_an_arm_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^parameter 'arms': expected each arm once, got a/1 twice$"):
        read_weighted_arms("a/1=1 b/1=1 a/1=2", parameter="arms")


def assert_is_binomial(found: int, draws: int, probability: float) -> None:
    margin = Z_999 * math.sqrt(draws * probability * (1 - probability))
    assert abs(found - draws * probability) <= margin


@pytest.mark.parametrize("weights", [{A: 90, B: 10}, {A: 0.5, B: 0.5}, {A: 1, B: 2, C: 7}, {A: 999, B: 1}])
def test_nobodys_images_are_split_by_weight(weights: dict[Arm, float]) -> None:
    seeded = random.Random(3)  # noqa: S311 - reproducible
    split = TrafficSplit(weights, draw=lambda: seeded.randbytes(16))
    found = Counter(split.arm() for _ in range(20_000))
    for arm, weight in weights.items():
        assert_is_binomial(found[arm], 20_000, weight / sum(weights.values()))


@pytest.mark.parametrize("weights", [{A: 90, B: 10}, {A: 1, B: 2, C: 7}])
def test_users_are_split_by_weight(weights: dict[Arm, float]) -> None:
    split = TrafficSplit(weights)
    found = Counter(map(split.arm, USERS))
    for arm, weight in weights.items():
        assert_is_binomial(found[arm], len(USERS), weight / sum(weights.values()))


def test_a_user_keeps_the_arm_while_the_weights_stand() -> None:
    split, restarted = TrafficSplit({A: 90, B: 10}), TrafficSplit({B: 10, A: 90})
    for user in USERS[:1000]:
        assert {split.arm(user) for _ in range(20)} == {restarted.arm(user)}


def test_where_a_weight_grows_only_as_many_users_as_it_must_move_and_only_to_it() -> None:
    before, after = TrafficSplit({A: 90, B: 10}), TrafficSplit({A: 80, B: 20})
    moves = Counter((before.arm(user), after.arm(user)) for user in USERS)
    assert moves[B, A] == 0
    assert_is_binomial(moves[A, B], len(USERS), 0.1)


def test_users_of_the_other_arms_stay_where_they_are_when_an_arm_is_added() -> None:
    before, after = TrafficSplit({A: 1, B: 1}), TrafficSplit({A: 1, B: 1, C: 1})
    assert {after.arm(user) for user in USERS if after.arm(user) != before.arm(user)} == {C}


def test_only_the_proportions_of_weights_count() -> None:
    small, large = TrafficSplit({A: 0.9, B: 0.1}), TrafficSplit({A: 900, B: 100})
    assert [small.arm(user) for user in USERS[:1000]] == [large.arm(user) for user in USERS[:1000]]


def test_an_arm_without_weight_gets_nobody() -> None:
    assert {TrafficSplit({A: 1, B: 0}).arm(user) for user in USERS[:1000]} == {A}


def test_users_keep_their_arms_from_one_release_to_the_next() -> None:
    split = TrafficSplit({A: 50, B: 50})
    found = "".join(str(split.arm(f"user-{number}".encode()).model_version) for number in range(20))
    assert found == "22111221121212112112"
