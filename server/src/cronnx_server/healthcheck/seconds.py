"""A number of seconds as options take it."""

from __future__ import annotations

import argparse
import math


def seconds(text: str) -> float:
    """Read a positive number of seconds.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' came, a number of seconds above 0 is expected")
    return number
