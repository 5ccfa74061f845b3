from __future__ import annotations

import pytest

from cronnx_router.arms import Arm, read_arm, read_weighted_arms
from cronnx_router.errors import ConfigError


def test_arms_are_read_in_the_order_given() -> None:
    arms = read_weighted_arms("resnet50_onnx/2=0.5  lite0_onnx/1=90", parameter="arms")
    assert list(arms.items()) == [(Arm("resnet50_onnx", 2), 0.5), (Arm("lite0_onnx", 1), 90)]


def test_an_arm_may_be_given_no_traffic() -> None:
    assert read_weighted_arms("a/1=1 a/2=0", parameter="arms") == {Arm("a", 1): 1, Arm("a", 2): 0}


@pytest.mark.parametrize("text", ["a/0", "a", "a/latest", "/1", "a/1/2", "a/-1", "a/01", ""])
def test_what_is_no_arm_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=f"^parameter 'shadow': '{text}' is no arm, expected MODEL/VERSION"):
        read_arm(text, parameter="shadow")


@pytest.mark.parametrize("weight", ["-1", "nan", "inf", "ten", "", "1=2"])
def test_a_weight_that_is_none_is_refused_by_name(weight: str) -> None:
    with pytest.raises(ConfigError, match=f"^parameter 'arms': 'a/2={weight}' has weight '{weight}', expected a num"):
        read_weighted_arms(f"a/1=90 a/2={weight}", parameter="arms")


@pytest.mark.parametrize("text", ["", "a/1=0", "a/1=0 a/2=0.0"])
def test_arms_that_weigh_nothing_together_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"^parameter 'arms': '{text}' has no weight above 0"):
        read_weighted_arms(text, parameter="arms")


def test_an_arm_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^parameter 'arms': a/1 is there twice"):
        read_weighted_arms("a/1=1 b/1=1 a/1=2", parameter="arms")
