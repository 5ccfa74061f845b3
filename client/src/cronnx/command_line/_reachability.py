"""Whether there is a server at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from cronnx import ConnectionFailed, Outcome

ImageT = TypeVar("ImageT", str, bytes)


def from_reachable(outcomes: Iterable[Outcome[ImageT]]) -> Iterator[Outcome[ImageT]]:
    """Pass on the outcomes, but give up where no server was ever reached.

    Raises:
        ConnectionFailed: A connection failed before any server answered, if only to refuse.
    """
    reached = False
    for outcome in outcomes:
        error = outcome.error
        if isinstance(error, ConnectionFailed) and not reached:
            raise error
        reached = reached or error is None or error.server_message is not None
        yield outcome
