"""What stops a set-up or a start; its text is the one line the user sees."""

from __future__ import annotations


class SetupError(Exception):
    """What came, what was expected and what to do, in one line."""
