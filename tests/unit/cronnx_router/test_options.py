from __future__ import annotations

from typing import Any

import pytest

from cronnx_router.arms import Arm
from cronnx_router.errors import ConfigError
from cronnx_router.options import Options


def config(*, max_batch_size: int = 16, user_id: dict[str, Any] | None = None, **parameters: str) -> dict[str, Any]:
    optional = {"name": "user_id", "data_type": "TYPE_STRING", "dims": [1], "optional": True}
    return {
        "max_batch_size": max_batch_size,
        "input": [{"name": "pixels", "data_type": "TYPE_UINT8", "dims": [2, 2, 3]}, optional | (user_id or {})],
        "output": [{"name": "class_id"}, {"name": "score"}],
        "parameters": {name: {"string_value": value} for name, value in parameters.items()},
    }


def test_every_setting_is_read() -> None:
    assert Options.from_model_config(config(arms="a/1=9 a/2=1", shadow="b/3")) == Options(
        weights={Arm("a", 1): 9, Arm("a", 2): 1},
        shadow=Arm("b", 3),
        inputs=("pixels",),
        outputs=("class_id", "score"),
    )


def test_there_need_be_no_shadow() -> None:
    assert Options.from_model_config(config(arms="a/1=1")).shadow is None


def refusal(described: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as error:
        Options.from_model_config(described)
    return str(error.value)


def test_an_unknown_parameter_is_refused_by_name() -> None:
    assert refusal(config(arms="a/1=1", shadows="a/2")) == "unknown parameter 'shadows': expected arms or shadow"


def test_a_router_without_arms_is_refused() -> None:
    assert refusal(config()).endswith("with a weight above 0, got ''")


def test_a_model_that_does_not_batch_is_refused() -> None:
    assert refusal(config(max_batch_size=0, arms="a/1=1")).startswith("max_batch_size: expected at least 1")


def test_a_shadow_with_nothing_to_compare_is_refused() -> None:
    described = config(arms="a/1=1", shadow="a/2")
    described["output"] = [{"name": "score"}]
    assert refusal(described) == "parameter 'shadow': expected an output 'class_id' to compare, got score"


@pytest.mark.parametrize("change", [{"optional": False}, {"data_type": "TYPE_INT64"}, {"dims": [2]}])
def test_a_user_id_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    assert "expected an optional TYPE_STRING with dims [1]" in refusal(config(user_id=change, arms="a/1=1"))
