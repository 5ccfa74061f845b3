"""Image bytes to the pixels a model takes: what the Triton backend `preprocess` computes, free of Triton."""

from cronnx_preprocess.errors import CancelledError, ConfigError, InvalidImageError, OverloadError, PreprocessError
from cronnx_preprocess.options import Options
from cronnx_preprocess.preprocessor import Outcome, Payloads, Preprocessor
from cronnx_preprocess.queue import FULL, Entry, Queue

__all__ = [
    "FULL",
    "CancelledError",
    "ConfigError",
    "Entry",
    "InvalidImageError",
    "Options",
    "Outcome",
    "OverloadError",
    "Payloads",
    "PreprocessError",
    "Preprocessor",
    "Queue",
]
