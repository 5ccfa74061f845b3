from __future__ import annotations

import pytest

from cronnx_lab.bench.profiles import DEFAULT, kinds
from cronnx_server.errors import SetupError


def test_each_profile_has_a_server_and_is_compared_with_the_default() -> None:
    made = kinds(["cuda", "tensorrt"])
    assert list(made) == [DEFAULT, "cuda", "tensorrt"]
    assert made[DEFAULT].flags == ()
    assert made["tensorrt"].flags == ("--model-config-name=tensorrt",)


def test_an_unknown_profile_is_refused_with_those_there_are() -> None:
    with pytest.raises(SetupError, match=r"no model has a configs/none.pbtxt; there are cuda, tensorrt"):
        kinds(["none"])
