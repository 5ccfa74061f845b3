"""What can go wrong: a configuration that must not load, and an arm that gives no answer."""

from __future__ import annotations

from dataclasses import dataclass

# What a queue says that is full, and of what waited in it for too long. Triton 24.10 tells a caller of a Python backend
# no more of it: the code of both is INTERNAL there.
_OVERLOAD = ("Exceeds maximum queue size", "Request timeout expired")


class ConfigError(Exception):
    """A model configuration that cannot be served."""


@dataclass(frozen=True)
class Failure:
    """Why an arm gave no answer.

    Attributes:
        message: Fit for the caller.
        by_caller: Whether the request is at fault, not the server.
        code: The server's own, to be passed on.
    """

    message: str
    by_caller: bool
    code: int

    @property
    def by_overload(self) -> bool:
        """Whether the arm has more requests than it can take."""
        return any(phrase in self.message for phrase in _OVERLOAD)
