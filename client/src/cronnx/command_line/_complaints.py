"""What goes wrong, on standard error."""

from __future__ import annotations

import sys

from cronnx.command_line._text import printable


class Complaints:
    """Prints one line for each, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, message: object) -> None:
        """Print a complaint."""
        self.count += 1
        say(message)


def say(message: object) -> None:
    """Print a line on standard error."""
    print("cronnx:", printable(" ".join(str(message).split())), file=sys.stderr)
