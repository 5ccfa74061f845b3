"""A progress bar over the bytes of a file, on a terminal; elsewhere nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn


@contextmanager
def byte_progress(total_bytes: int) -> Iterator[Callable[[int], None]]:
    """While this lasts, show how many of `total_bytes` are there; what is given is told the number."""
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=total_bytes)
        yield lambda held_bytes: progress.update(task, completed=held_bytes)
