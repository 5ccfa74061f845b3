"""Client of an NVIDIA Triton server that serves ONNX image models."""

from cronnx._answers import Outcome
from cronnx._async_client import AsyncClient
from cronnx._classification import Classification, ScoredClass
from cronnx._client import Client
from cronnx._config import Tls
from cronnx._depth import Depth
from cronnx._detection import BoxMask, Detection, Detections
from cronnx._embedding import Embedding
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
from cronnx._promotion import Promotion
from cronnx._resampling import Geometry
from cronnx._retry import Retry
from cronnx._segmentation import Segmentation

__all__ = [
    "AsyncClient",
    "BoxMask",
    "Classification",
    "Client",
    "ConnectionFailed",
    "CronnxError",
    "DeadlineExceeded",
    "Depth",
    "Detection",
    "Detections",
    "Embedding",
    "Geometry",
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
    "Segmentation",
    "ServerFault",
    "StepInfo",
    "TensorInfo",
    "Tls",
]

# Tracebacks and documentation show the public module of a class, not the private one that defines it.
for _name in __all__:
    globals()[_name].__module__ = __name__
