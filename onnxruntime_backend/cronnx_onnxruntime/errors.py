"""Errors of the stand-in backend.

Exception
├── ConfigurationError    a model that must not load: its configuration or its file
└── InferenceError        a batch that ONNX Runtime would not run
"""

from __future__ import annotations


class ConfigurationError(Exception):
    """A model configuration that cannot be honoured, or does not fit the model's file."""


class InferenceError(Exception):
    """What a request gives cannot be run.

    Attributes:
        caller: whether the request is at fault, not the server.
    """

    def __init__(self, message: str, *, caller: bool) -> None:
        super().__init__(message)
        self.caller = caller
