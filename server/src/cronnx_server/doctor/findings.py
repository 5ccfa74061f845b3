"""What a check finds, as a value, as lines for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Severity(Enum):
    """How bad a finding is."""

    ERROR = "error"
    """A model does not load, or requests fail."""
    WARNING = "warning"
    """Requests are answered, but more slowly than possible or differently than intended."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        severity: How bad it is.
        path: The file or folder to change.
        problem: What is wrong: what was found and what was expected.
        remedy: What to do.
    """

    severity: Severity
    path: Path
    problem: str
    remedy: str


def error(path: Path, problem: str, remedy: str) -> Finding:
    """A finding that prevents a load or fails requests."""
    return Finding(Severity.ERROR, path, problem, remedy)


def warning(path: Path, problem: str, remedy: str) -> Finding:
    """A finding that costs time or surprises."""
    return Finding(Severity.WARNING, path, problem, remedy)


def as_text(findings: Mapping[str, Sequence[Finding]], *, models: int, here: Path) -> str:
    """Two lines for each finding, errors first, and a summary.

    Args:
        findings: The findings by check.
        models: How many models were checked.
        here: A folder; paths below it are printed relative to it.
    """
    found = sorted((each for one in findings.values() for each in one), key=_order)
    lines = [
        f"{each.severity.value:8} {_relative(each.path, here)}: {_shortened(each.problem, here)}\n"
        f"         {_shortened(each.remedy, here)}"
        for each in found
    ]
    counts = {severity: sum(each.severity is severity for each in found) for severity in Severity}
    summary = ", ".join(counted(count, severity.value) for severity, count in counts.items())
    return "\n".join([*lines, f"{counted(models, 'model')}: {summary}"])


def as_json(findings: Mapping[str, Sequence[Finding]]) -> str:
    """A list of objects with `check`, `severity`, `path`, `problem` and `remedy`."""
    return json.dumps(
        [
            {
                "check": check,
                "severity": each.severity.value,
                "path": str(each.path),
                "problem": each.problem,
                "remedy": each.remedy,
            }
            for check, found in findings.items()
            for each in found
        ],
        indent=2,
    )


def counted(count: int, noun: str) -> str:
    """A number with its noun, in the plural if needed."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _order(finding: Finding) -> tuple[bool, str]:
    return finding.severity is not Severity.ERROR, str(finding.path)


def _relative(path: Path, here: Path) -> str:
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _shortened(text: str, here: Path) -> str:
    return text.replace(f"{here}/", "")
