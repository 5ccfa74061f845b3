"""What callers saw, as a table in Markdown."""

from __future__ import annotations

from collections import Counter

from cronnx_lab.faults.drill import Outcome

HEADER = """\
| fault | full service after | under way, of these failed | answered | failed | failed with retries |
|---|---|---|---|---|---|"""


def row(outcome: Outcome) -> str:
    """One line of the table."""
    cells = (
        outcome.name,
        "not recovered" if outcome.recovered_s is None else f"{outcome.recovered_s:.1f} s",
        "{}, {}".format(*outcome.under_way),
        str(outcome.answered),
        _counted(outcome.failed),
        _counted(outcome.failed_retrying),
    )
    return f"| {' | '.join(cells)} |"


def _counted(errors: Counter[str]) -> str:
    return ", ".join(f"{count} {error}" for error, count in errors.most_common()) or "0"
