"""What the router backend decides; nothing here knows a server.

One module a concept: `arms` (what there is to choose from), `split` (who gets which), `options` (a model
configuration), `batches` (requests to calls and back), `shadow`, `metrics`, and `router`, which ties them together.
"""

from cronnx_router.arms import Arm
from cronnx_router.batches import Request
from cronnx_router.errors import ConfigError, Failure
from cronnx_router.metrics import Metrics
from cronnx_router.options import USER_ID, Options
from cronnx_router.router import Router

__all__ = ["USER_ID", "Arm", "ConfigError", "Failure", "Metrics", "Options", "Request", "Router"]
