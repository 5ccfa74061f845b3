"""A progress bar over the outcomes of many images."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from cronnx._outcome import Outcome

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")


async def with_progress(
    batches: AsyncGenerator[list[Outcome[T]], None], *, total: int | None
) -> AsyncGenerator[list[Outcome[T]], None]:
    """Pass the outcomes on, and show on standard error how many there were, how fast, and how many errors."""
    async with aclosing(batches):
        with _progress() as progress:
            task = progress.add_task("classify", total=total, errors=0, rate="")
            errors = 0
            async for batch in batches:
                errors += sum(outcome.error is not None for outcome in batch)
                speed = progress.tasks[0].speed
                progress.update(task, advance=len(batch), errors=errors, rate=f"{speed:.0f}" if speed else "")
                yield batch


def _progress() -> Progress:
    # Imported here: only who wants a bar pays for it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} images/s"),
        TextColumn("{task.fields[errors]} errors"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,  # what the caller prints is not for standard error
    )
