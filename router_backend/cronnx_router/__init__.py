"""Splits traffic between arms, which are versions of models: what the Triton backend `router` decides, without Triton.

`arms` has the arms and who gets which; `options` reads a model configuration; `batches` turns requests into calls and
back; `shadow` compares an arm with the others; `metrics` counts; `router` puts them together.
"""

from cronnx_router.arms import Arm
from cronnx_router.batches import Request
from cronnx_router.errors import ConfigError, Failure
from cronnx_router.metrics import Metrics
from cronnx_router.options import USER_ID, Options
from cronnx_router.router import Router

__all__ = ["USER_ID", "Arm", "ConfigError", "Failure", "Metrics", "Options", "Request", "Router"]
