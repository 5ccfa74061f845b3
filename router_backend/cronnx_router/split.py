"""Who gets which arm."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Mapping

from cronnx_router.arms import Arm


class Split:
    """Arms by weight: a user keeps the arm while the weights stand, and few users move when they change.

    Weighted rendezvous hashing: every arm scores -weight / ln(h), with h from 0 to 1 a hash of user and arm, and the
    highest score wins. An arm wins in proportion to its weight, and one whose weight alone grows takes users from the
    others while none of them gains any. Sources: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit
    Rates" (1998); Schindelhauer and Schomaker, "Weighted Distributed Hash Tables" (2005), the logarithmic method.
    """

    def __init__(self, weights: Mapping[Arm, float], *, draw: Callable[[], bytes] = lambda: os.urandom(16)) -> None:
        self._weights = {arm: weight for arm, weight in weights.items() if weight}
        self._draw = draw

    def arm(self, user_id: bytes = b"") -> Arm:
        """The arm of a user; without an id, that of a user nobody has seen before."""
        user = user_id or self._draw()
        return max(self._weights, key=lambda arm: -self._weights[arm] / math.log(_unit(user, arm)))


def _unit(user: bytes, arm: Arm) -> float:
    """A number between 0 and 1, neither included: 52 bits and a half fit a double exactly."""
    digest = hashlib.blake2b(user, digest_size=8, key=hashlib.sha256(str(arm).encode()).digest()).digest()
    return ((int.from_bytes(digest, "big") >> 12) + 0.5) / 2**52
