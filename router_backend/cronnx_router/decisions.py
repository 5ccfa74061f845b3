"""Splits that were decided on a running server, for a router that is loaded from its file again.

`scripts/serve` keeps them, with promotions, in one JSON file: an object for each model with what its file says and what
was decided instead.
"""

from __future__ import annotations

import json
from pathlib import Path

CONFIGURED = "configured"
"""What the model's file says: the key in the JSON file, and the parameter that a split adds to the configuration."""

IN_FORCE = "in_force"
"""What was decided instead."""

VARIABLE = "CRONNX_DECISIONS"
"""The environment variable that names the JSON file; without it, a router has the arms of its configuration."""


def decided_arms(path: str, router_name: str, arms: str) -> str:
    """Return the arms that were decided for a router, or those of its file if it says something new.

    Args:
        path: The JSON file; empty for none.
        router_name: The router.
        arms: The arms in the router's file.
    """
    try:
        decision = json.loads(Path(path).read_bytes())[router_name]
        return str(decision[IN_FORCE]) if decision[CONFIGURED] == arms else arms
    except (OSError, ValueError, LookupError, TypeError):
        return arms
