from __future__ import annotations

import pytest
from tritonclient.grpc.model_config_pb2 import DataType, ModelInput

from cronnx_server.doctor.checks.tensors import ELEMENT_BYTES, at_least_bytes, element_count, shape


def test_a_shape_is_written_as_in_a_config() -> None:
    assert shape(ModelInput(data_type="TYPE_UINT8", dims=[2, -1])) == "TYPE_UINT8 [2, -1]"


def test_a_dim_of_any_size_counts_as_one() -> None:
    assert element_count([4, -1, 3]) == 12


def test_every_type_of_a_fixed_size_has_one() -> None:
    assert {*DataType.keys()} - {*ELEMENT_BYTES} == {"TYPE_INVALID", "TYPE_STRING"}


@pytest.mark.parametrize(("data_type", "size"), [("TYPE_FP32", 24), ("TYPE_UINT8", 6), ("TYPE_STRING", 0)])
def test_the_bytes_of_a_tensor_are_those_that_are_certain(data_type: str, size: int) -> None:
    assert at_least_bytes(ModelInput(data_type=data_type, dims=[2, 3])) == size
