"""What can go wrong.

PreprocessError
├── ConfigError        a model config this backend refuses to load
├── InvalidImageError  a payload that holds no acceptable image
├── OverloadError      a request that there is no room or no time for
└── CancelledError     a request whose caller has given up
"""

from __future__ import annotations


class PreprocessError(Exception):
    """Base of every error this package raises."""


class ConfigError(PreprocessError):
    """A model config that cannot be served.

    Attributes:
        subject: The part of the config at fault, as `parameter 'crop'`.
        problem: What it says and what was expected.
    """

    def __init__(self, subject: str, problem: str) -> None:
        super().__init__(f"{subject} {problem}")
        self.subject = subject
        self.problem = problem


class InvalidImageError(PreprocessError):
    """A payload that holds no acceptable image. Its text is fit for the caller who sent it.

    Attributes:
        reason: What came, and what was expected.
        element: The element of the request, as `image[3]`; None until the request is known.
    """

    def __init__(self, reason: str, *, element: str | None = None) -> None:
        super().__init__(reason if element is None else f"{element}: {reason}")
        self.reason = reason
        self.element = element


class OverloadError(PreprocessError):
    """A request that came when the queue was full, or has waited for too long. Its text is fit for the caller."""


class CancelledError(PreprocessError):
    """A request whose caller has given up before its turn came."""
