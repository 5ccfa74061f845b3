"""The tensor types that ONNX and Triton share.

They are those of NVIDIA's backend, which has no bfloat16, complex, 4-bit or 8-bit floating-point tensors either.
"""

from __future__ import annotations

from cronnx_onnxruntime.errors import ConfigError

STRING = "TYPE_STRING"

DATA_TYPES = {
    "tensor(bool)": "TYPE_BOOL",
    "tensor(uint8)": "TYPE_UINT8",
    "tensor(uint16)": "TYPE_UINT16",
    "tensor(uint32)": "TYPE_UINT32",
    "tensor(uint64)": "TYPE_UINT64",
    "tensor(int8)": "TYPE_INT8",
    "tensor(int16)": "TYPE_INT16",
    "tensor(int32)": "TYPE_INT32",
    "tensor(int64)": "TYPE_INT64",
    "tensor(float16)": "TYPE_FP16",
    "tensor(float)": "TYPE_FP32",
    "tensor(double)": "TYPE_FP64",
    "tensor(string)": STRING,
}


def data_type(onnx_type: str, *, tensor: str) -> str:
    """Convert a type string of ONNX Runtime to Triton's `data_type`.

    Raises:
        ConfigError: Triton's onnxruntime backend does not support the type.
    """
    try:
        return DATA_TYPES[onnx_type]
    except KeyError:
        raise ConfigError(f"tensor '{tensor}': expected one of {', '.join(DATA_TYPES)}, got {onnx_type}") from None
