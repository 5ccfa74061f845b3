"""Errors that gRPC's asyncio stack logs where several event loops use it, and that are none.

All loops of a process share one queue of completed calls, and each completion wakes them all. One has work; the
others log a BlockingIOError each, with a traceback (https://github.com/grpc/grpc/issues/25364). Completions for a loop
that is closed, its client not, are logged by whichever loop takes them off.
"""

from __future__ import annotations

import asyncio
from typing import Any


def ignore_spurious_wakeups(loop: asyncio.AbstractEventLoop) -> None:
    """Keep a loop from logging them; whatever else goes wrong is handled as before."""
    before = loop.get_exception_handler()
    if not isinstance(before, _Handler):
        loop.set_exception_handler(_Handler(before))


class _Handler:
    def __init__(self, before: Any) -> None:  # noqa: ANN401 - asyncio's own type of handlers is private
        self._before = before

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if _is_spurious(context.get("exception")) and "PollerCompletionQueue" in repr(context.get("handle")):
            return
        if self._before:
            self._before(loop, context)
        else:
            loop.default_exception_handler(context)


def _is_spurious(error: object) -> bool:
    return isinstance(error, BlockingIOError) or str(error) == "Event loop is closed"
