from __future__ import annotations

import pytest
from tritonclient.grpc.model_config_pb2 import DataType

from cronnx_onnxruntime.datatypes import DATA_TYPES, data_type
from cronnx_onnxruntime.errors import ConfigError


def test_every_type_of_triton_but_bfloat16_has_one_of_onnx() -> None:
    assert sorted(DATA_TYPES.values()) == sorted(set(DataType.keys()) - {"TYPE_INVALID", "TYPE_BF16"})


def test_half_precision_is_fp16() -> None:
    assert data_type("tensor(float16)", tensor="x") == "TYPE_FP16"


@pytest.mark.parametrize("onnx_type", ["tensor(bfloat16)", "tensor(complex64)", "seq(tensor(float))"])
def test_a_type_that_triton_does_not_support_is_refused_with_the_tensors_name(onnx_type: str) -> None:
    with pytest.raises(ConfigError, match="tensor 'boxes': expected one of tensor") as refusal:
        data_type(onnx_type, tensor="boxes")
    assert onnx_type in str(refusal.value)
