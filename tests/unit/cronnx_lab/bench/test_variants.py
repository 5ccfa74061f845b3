from __future__ import annotations

import pytest

from cronnx_lab.bench.variants import DEFAULT_PROFILE, profile_variants
from cronnx_server.errors import RepositoryError


def test_each_profile_has_a_server_and_is_compared_with_the_default() -> None:
    made = profile_variants(["cuda", "tensorrt"])
    assert list(made) == [DEFAULT_PROFILE, "cuda", "tensorrt"]
    assert made[DEFAULT_PROFILE].flags == ()
    assert made["tensorrt"].flags == ("--model-config-name=tensorrt",)


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RepositoryError, match=r"no model has a configs/none.pbtxt; expected one of cuda, gpu_d"):
        profile_variants(["none"])
