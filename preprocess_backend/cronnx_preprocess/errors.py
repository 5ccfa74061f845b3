"""The exceptions of this package.

PreprocessError
├── ConfigError        a model configuration that this backend refuses to load
├── InvalidImageError  a payload that is not an acceptable image
├── OverloadError      a request refused because the queue was full, or because it waited for too long
└── CancelledError     a request cancelled by its caller while it was queued
"""

from __future__ import annotations

# The words of Triton's own queues, so that callers recognise overload whichever queue refuses. Packages that cannot
# import them have copies; tests/contract/test_phrases.py keeps these equal.
QUEUE_FULL = "Exceeds maximum queue size"
REQUEST_TIMEOUT = "Request timeout expired"


class PreprocessError(Exception):
    """Base of all exceptions of this package."""


class ConfigError(PreprocessError):
    """A model configuration that cannot be served.

    Attributes:
        subject: The part of the configuration at fault, such as `parameter 'crop'`.
        problem: What was expected, and what the configuration has.
    """

    def __init__(self, subject: str, problem: str) -> None:
        super().__init__(f"{subject}: {problem}")
        self.subject = subject
        self.problem = problem


class InvalidImageError(PreprocessError):
    """A payload that is not an acceptable image. Its text can be shown to the caller.

    Attributes:
        reason: What was expected, and what the payload is.
        element: The element of the request, such as `image[3]`; None while it is not known.
    """

    def __init__(self, reason: str, *, element: str | None = None) -> None:
        super().__init__(reason if element is None else f"{element}: {reason}")
        self.reason = reason
        self.element = element


class OverloadError(PreprocessError):
    """A request that is refused to protect the others; its text is QUEUE_FULL or REQUEST_TIMEOUT."""


class CancelledError(PreprocessError):
    """A request whose caller cancelled it while it was queued."""
