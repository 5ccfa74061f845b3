"""A load generator's own process: an order in JSON on stdin, what came of it in JSON on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import uvloop

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

OrderT = TypeVar("OrderT")


def carry_out(order: Callable[..., OrderT], ask: Callable[[OrderT], Coroutine[Any, Any, DataclassInstance]]) -> int:
    """Carry out the order on stdin; 1 with a line on stderr where it could not be.

    Args:
        order: makes one of the values by name.
        ask: carries it out; it raises OSError where the server cannot be reached.
    """
    wanted = order(**json.load(sys.stdin))
    try:
        outcome = uvloop.run(ask(wanted))
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    json.dump(asdict(outcome), sys.stdout)
    return 0
