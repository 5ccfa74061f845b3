"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Severity(Enum):
    """What a finding leads to."""

    ERROR = "error"
    """A model does not load, or requests fail."""
    WARNING = "warning"
    """Everything is answered, but slower than it could be or otherwise than meant."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        severity: what it leads to.
        path: the file or folder to change.
        problem: what came and what was expected.
        remedy: what to do.
    """

    severity: Severity
    path: Path
    problem: str
    remedy: str


def error(path: Path, problem: str, remedy: str) -> Finding:
    """A finding that stops a model or fails requests."""
    return Finding(Severity.ERROR, path, problem, remedy)


def warning(path: Path, problem: str, remedy: str) -> Finding:
    """A finding that costs time or surprises."""
    return Finding(Severity.WARNING, path, problem, remedy)
