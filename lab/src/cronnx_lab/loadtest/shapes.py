"""The shapes of load: how many users send requests over time, and to which models."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

RAMP_STEPS = 5
BURSTS = 2


@dataclass(frozen=True)
class Shape:
    """One shape of load.

    Attributes:
        purpose: What the shape does, for the help.
        share: The share of the peak's users at a share of the elapsed run, both 0 to 1.
        models: The models to ask by default.
        has_user_ids: Whether requests name a user and go to the A/B ensembles of the models.
    """

    purpose: str
    share: Callable[[float], float]
    models: tuple[str, ...] = ("efficientnet_lite0",)
    has_user_ids: bool = False

    def users_at(self, elapsed_s: float, *, duration_s: float, peak: int) -> int | None:
        """The number of users at a time, at least 1; None when the run is over."""
        if elapsed_s >= duration_s:
            return None
        return max(1, math.ceil(peak * self.share(elapsed_s / duration_s)))

    def ensembles(self, models: tuple[str, ...]) -> tuple[str, ...]:
        """The ensembles that receive the requests for these models."""
        return tuple(f"{name}_ab" for name in models) if self.has_user_ids else models


def _steady(_: float) -> float:
    return 1.0


def _ramp(elapsed: float) -> float:
    return math.floor(elapsed * RAMP_STEPS + 1) / RAMP_STEPS


def _burst(elapsed: float) -> float:
    return float(math.floor(elapsed * 2 * BURSTS) % 2)


SHAPES = {
    "steady": Shape("all users from the first second", _steady),
    "ramp": Shape(f"an increasing number of users, in {RAMP_STEPS} steps", _ramp),
    "burst": Shape(f"one user, then all users at once, {BURSTS} times", _burst),
    "mixed": Shape(
        "all users, each request to one of several models",
        _steady,
        models=("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"),
    ),
    "ab": Shape("all users, with user ids, on the A/B ensemble <model>_ab", _steady, has_user_ids=True),
}
