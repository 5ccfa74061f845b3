"""Classify pictures with the ONNX models that an NVIDIA Triton server serves."""

from cronnx._async_client import AsyncClient
from cronnx._client import Client
from cronnx._errors import (
    ConnectionFailed,
    CronnxError,
    DeadlineExceeded,
    InvalidInput,
    ModelNotFound,
    NotReady,
    Overloaded,
    ServerFault,
)
from cronnx._models import ModelInfo, ModelStatistics, ModelStatus, StepInfo, TensorInfo
from cronnx._outcome import Outcome
from cronnx._promotion import Promotion
from cronnx._results import Classification, ScoredClass
from cronnx._retry import Retry
from cronnx._tls import Tls

__all__ = [
    "AsyncClient",
    "Classification",
    "Client",
    "ConnectionFailed",
    "CronnxError",
    "DeadlineExceeded",
    "InvalidInput",
    "ModelInfo",
    "ModelNotFound",
    "ModelStatistics",
    "ModelStatus",
    "NotReady",
    "Outcome",
    "Overloaded",
    "Promotion",
    "Retry",
    "ScoredClass",
    "ServerFault",
    "StepInfo",
    "TensorInfo",
    "Tls",
]

# Tracebacks and documentation name the public place of a class, not the private module it is written in.
for _name in __all__:
    globals()[_name].__module__ = __name__
