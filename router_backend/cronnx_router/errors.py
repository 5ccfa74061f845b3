"""What can go wrong: a configuration that must not load, and an arm that gives no answer."""

from __future__ import annotations

from dataclasses import dataclass


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
