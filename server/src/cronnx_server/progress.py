"""Progress on standard error: a line for each step, and below it the output of the tool at work."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def step(text: str) -> None:
    """Print the start of a step."""
    print(f"==> {text}", file=sys.stderr, flush=True)


def narrate(lines: Iterable[str]) -> None:
    """Print the output of a tool line by line; on a terminal each line replaces the one before."""
    terminal = sys.stderr.isatty()
    for line in lines:
        text = f"    {line.strip()[:100]}"
        print(f"\r\x1b[K{text}" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True)
    if terminal:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
