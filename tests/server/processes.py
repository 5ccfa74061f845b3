"""Servers' processes."""

from __future__ import annotations

import psutil


def started_by(pid: int) -> list[psutil.Process]:
    """The processes that one has started, and those they have."""
    return psutil.Process(pid).children(recursive=True)
