from __future__ import annotations

import pytest
from tritonclient.grpc.model_config_pb2 import DataType

from cronnx_lab.document.tensors import JSON_TYPES, datatype, json_schema

NOT_IN_JSON = {"TYPE_INVALID", "TYPE_BF16"}


def test_every_type_that_json_can_carry_has_its_type_there() -> None:
    assert set(JSON_TYPES) == set(DataType.keys()) - NOT_IN_JSON


@pytest.mark.parametrize(("data_type", "named"), [("TYPE_STRING", "BYTES"), ("TYPE_FP32", "FP32")])
def test_a_type_has_the_protocols_name(data_type: str, named: str) -> None:
    assert datatype(data_type) == named


def test_dims_are_counted_together() -> None:
    assert json_schema("TYPE_FP32", [2, 3]) == {
        "type": "array",
        "items": {"type": "number"},
        "minItems": 6,
        "maxItems": 6,
    }
