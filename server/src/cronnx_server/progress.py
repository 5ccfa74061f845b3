"""Progress on standard error: a line for each step, and below it the output of the tool at work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar

FORMAT: ContextVar[Callable[[str], str]] = ContextVar("FORMAT")
"""Turns a message into the line to print; plain text if it is not set."""


def step(text: str) -> None:
    """Print the start of a step."""
    print(FORMAT.get("==> {}".format)(text), file=sys.stderr, flush=True)


def narrate(lines: Iterable[str]) -> None:
    """Print the output of a tool line by line; on a terminal each line replaces the one before."""
    formatted = FORMAT.get("    {:.100}".format)
    terminal = sys.stderr.isatty()
    for line in lines:
        text = formatted(line.strip())
        print(f"\r\x1b[K{text}" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True)
    if terminal:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
