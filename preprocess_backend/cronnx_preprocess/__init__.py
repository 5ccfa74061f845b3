"""Turns image files into the pixels a network takes: what the Triton backend `preprocess` computes, without Triton."""

from cronnx_preprocess.errors import (
    QUEUE_FULL,
    REQUEST_TIMEOUT,
    CancelledError,
    ConfigError,
    InvalidImageError,
    OverloadError,
    PreprocessError,
)
from cronnx_preprocess.gpu import gpu_renderer
from cronnx_preprocess.options import Options, Tensors
from cronnx_preprocess.preprocessor import Answer, DeviceImages, Images, Payloads, Pictures, Preprocessor
from cronnx_preprocess.scheduler import Scheduler

__all__ = [
    "QUEUE_FULL",
    "REQUEST_TIMEOUT",
    "Answer",
    "CancelledError",
    "ConfigError",
    "DeviceImages",
    "Images",
    "InvalidImageError",
    "Options",
    "OverloadError",
    "Payloads",
    "Pictures",
    "PreprocessError",
    "Preprocessor",
    "Scheduler",
    "Tensors",
    "gpu_renderer",
]
