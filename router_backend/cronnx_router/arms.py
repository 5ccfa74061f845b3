"""Arms: the versions of models that share the traffic, how a configuration lists them, and which user gets which."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cronnx_router.errors import ConfigError

_SPELLING = re.compile(r"(?P<model_name>[^\s/=]+)/(?P<model_version>[1-9]\d*)")


@dataclass(frozen=True)
class Arm:
    """A version of a model."""

    model_name: str
    model_version: int

    def __str__(self) -> str:
        return f"{self.model_name}/{self.model_version}"


def read_arm(text: str, *, parameter: str) -> Arm:
    """Read `MODEL/VERSION`.

    Args:
        text: The text to read.
        parameter: The name of the parameter that has it, for the error.

    Raises:
        ConfigError: The text has another form.
    """
    match = _SPELLING.fullmatch(text)
    if match is None:
        raise ConfigError(f"parameter '{parameter}': expected MODEL/VERSION such as resnet50_onnx/2, got '{text}'")
    return Arm(match["model_name"], int(match["model_version"]))


def read_weighted_arms(text: str, *, parameter: str) -> dict[Arm, float]:
    """Read `MODEL/VERSION=WEIGHT ...`, and keep the order.

    Args:
        text: The text to read.
        parameter: The name of the parameter that has it, for the error.

    Raises:
        ConfigError: An arm is malformed or listed twice, a weight is not a number from 0, or all weights are 0.
    """
    arms: dict[Arm, float] = {}
    for word in text.split():
        name, _, weight = word.partition("=")
        arm = read_arm(name, parameter=parameter)
        if arm in arms:
            raise ConfigError(f"parameter '{parameter}': expected each arm once, got {arm} twice")
        arms[arm] = _read_weight(weight, word=word, parameter=parameter)
    if not any(arms.values()):
        raise ConfigError(
            f"parameter '{parameter}': expected MODEL/VERSION=WEIGHT ... with a weight above 0, got '{text}'"
        )
    return arms


def _read_weight(text: str, *, word: str, parameter: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise ConfigError(f"parameter '{parameter}': expected a weight of 0 or more, got '{word}'")
    return weight


class TrafficSplit:
    """Splits users between arms by weight. A user keeps the arm, and few users move when the weights change.

    Weighted rendezvous hashing: every arm scores -weight / ln(h), where h is a hash of user and arm between 0 and 1,
    and the highest score wins. So an arm wins in proportion to its weight, and an arm whose weight alone grows takes
    users from the others while none of them gains any. Sources: Thaler and Ravishankar, "Using Name-Based Mappings to
    Increase Hit Rates" (1998); Schindelhauer and Schomaker, "Weighted Distributed Hash Tables" (2005), the logarithmic
    method.
    """

    def __init__(self, weights: Mapping[Arm, float], *, draw: Callable[[], bytes] = lambda: os.urandom(16)) -> None:
        """Split by weights.

        Args:
            weights: The weight of each arm; an arm of weight 0 gets nobody.
            draw: Makes a random user id.
        """
        self._weights = {arm: weight for arm, weight in weights.items() if weight}
        self._draw = draw

    def arm(self, user_id: bytes = b"") -> Arm:
        """The arm of a user, or a random one if the id is empty."""
        user = user_id or self._draw()
        return max(self._weights, key=lambda arm: -self._weights[arm] / math.log(_hash(user, arm)))


def _hash(user: bytes, arm: Arm) -> float:
    """A number between 0 and 1, both excluded: a double holds 52 bits and a half exactly."""
    digest = hashlib.blake2b(user, digest_size=8, key=hashlib.sha256(str(arm).encode()).digest()).digest()
    return ((int.from_bytes(digest, "big") >> 12) + 0.5) / 2**52
