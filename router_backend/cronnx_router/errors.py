"""What can go wrong: a configuration that cannot be loaded, and an arm that fails.

Exception
└── ConfigError    a model configuration that the router refuses to load

A failed call of an arm is a value, `Failure`: the router falls back on another arm or passes it on to the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

# Equal to cronnx_preprocess.QUEUE_FULL and REQUEST_TIMEOUT, which this backend cannot import inside Triton.
# Triton 24.10 gives both the code INTERNAL in a call from a Python backend, so only the text tells them apart.
OVERLOAD_PHRASES = ("Exceeds maximum queue size", "Request timeout expired")


class ConfigError(Exception):
    """A model configuration that cannot be served."""


@dataclass(frozen=True)
class Failure:
    """Why an arm gave no answer.

    Attributes:
        message: The reason. It can be shown to the caller.
        caller_at_fault: True if the request is wrong, False if the model or the server is.
        code: The server's error code, which is passed on to the caller.
    """

    message: str
    caller_at_fault: bool
    code: int

    @property
    def is_overload(self) -> bool:
        """Whether the arm's queue was full, or the request waited in it for too long."""
        return any(phrase in self.message for phrase in OVERLOAD_PHRASES)
