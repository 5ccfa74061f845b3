"""Findings as text: lines for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from cronnx_server.doctor.findings import Finding, Severity


def lines(findings: Mapping[str, Sequence[Finding]], *, models: int, here: Path) -> str:
    """A finding in two lines, errors first, and a line that counts; paths below `here` without it."""
    found = sorted((each for one in findings.values() for each in one), key=_order)
    text = [f"{each.severity.value:8} {_shown(each.path, here)}: {_short(each.problem, here)}" for each in found]
    text = [f"{line}\n         {_short(each.remedy, here)}" for line, each in zip(text, found, strict=True)]
    counts = {severity: sum(each.severity is severity for each in found) for severity in Severity}
    summary = ", ".join(_counted(count, severity.value) for severity, count in counts.items())
    return "\n".join([*text, f"{_counted(models, 'model')}: {summary}"])


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


def _order(finding: Finding) -> tuple[bool, str]:
    return finding.severity is not Severity.ERROR, str(finding.path)


def _shown(path: Path, here: Path) -> str:
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _short(text: str, here: Path) -> str:
    return text.replace(f"{here}/", "")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
