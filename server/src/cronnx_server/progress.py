"""What the user sees while a set-up works: a line a step, and under it the tool's own progress."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def step(text: str) -> None:
    """Begin a step."""
    print(f"==> {text}", file=sys.stderr, flush=True)


def narrate(lines: Iterable[str]) -> None:
    """Show each line of a tool as it comes: on a terminal in place of the last, elsewhere below it."""
    terminal = sys.stderr.isatty()
    for line in lines:
        text = f"    {line.strip()[:100]}"
        print(f"\r\x1b[K{text}" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True)
    if terminal:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
