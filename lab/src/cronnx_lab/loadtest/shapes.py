"""How many users ask, when, and what: the shapes of load."""

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
        purpose: for people, what it does.
        share: of the peak's users there is at a share of the run gone by, both 0 to 1.
        models: what is asked where nothing else is said.
        has_user_ids: whether requests are those of named users, and go to the models' A/B ensembles.
    """

    purpose: str
    share: Callable[[float], float]
    models: tuple[str, ...] = ("efficientnet_lite0",)
    has_user_ids: bool = False

    def users_at(self, elapsed_s: float, *, duration_s: float, peak: int) -> int | None:
        """How many users ask, at least one; None when the run is over."""
        if elapsed_s >= duration_s:
            return None
        return max(1, math.ceil(peak * self.share(elapsed_s / duration_s)))

    def asked(self, models: tuple[str, ...]) -> tuple[str, ...]:
        """The ensembles that take the requests for these models."""
        return tuple(f"{name}_ab" for name in models) if self.has_user_ids else models


def _steady(_: float) -> float:
    return 1.0


def _ramp(gone_by: float) -> float:
    return math.floor(gone_by * RAMP_STEPS + 1) / RAMP_STEPS


def _burst(gone_by: float) -> float:
    return float(math.floor(gone_by * 2 * BURSTS) % 2)


SHAPES = {
    "steady": Shape("all users from the first second on", _steady),
    "ramp": Shape(f"more and more users, in {RAMP_STEPS} steps", _ramp),
    "burst": Shape(f"one user, and {BURSTS} times all of them at once", _burst),
    "mixed": Shape(
        "all users, each request for one of several models",
        _steady,
        models=("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"),
    ),
    "ab": Shape("all users, by name, on the A/B ensemble <model>_ab", _steady, has_user_ids=True),
}
