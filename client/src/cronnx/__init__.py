"""Classify pictures with the ONNX models that an NVIDIA Triton server serves."""

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
from cronnx._results import Classification, ScoredClass

__all__ = [
    "Classification",
    "Client",
    "ConnectionFailed",
    "CronnxError",
    "DeadlineExceeded",
    "InvalidInput",
    "ModelNotFound",
    "NotReady",
    "Overloaded",
    "ScoredClass",
    "ServerFault",
]

# Tracebacks and documentation name the public place of a class, not the private module it is written in.
for _name in __all__:
    globals()[_name].__module__ = __name__
