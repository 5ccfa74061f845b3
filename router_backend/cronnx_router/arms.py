"""Arms: the versions of models that traffic is split between, and how a configuration spells them."""

from __future__ import annotations

import math
import re
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

    Raises:
        ConfigError: It is nothing of the kind.
    """
    match = _SPELLING.fullmatch(text)
    if match is None:
        raise ConfigError(f"parameter '{parameter}': '{text}' is no arm, expected MODEL/VERSION as in resnet50_onnx/2")
    return Arm(match["model_name"], int(match["model_version"]))


def read_weighted_arms(text: str, *, parameter: str) -> dict[Arm, float]:
    """Read `MODEL/VERSION=WEIGHT ...`, in the order given.

    Raises:
        ConfigError: An arm is malformed or there twice, a weight is no number or negative, or all of them are zero.
    """
    arms: dict[Arm, float] = {}
    for word in text.split():
        name, _, weight = word.partition("=")
        arm = read_arm(name, parameter=parameter)
        if arm in arms:
            raise ConfigError(f"parameter '{parameter}': {arm} is there twice, expected once")
        arms[arm] = _weight(weight, of=word, parameter=parameter)
    if not any(arms.values()):
        raise ConfigError(f"parameter '{parameter}': '{text}' has no weight above 0, expected MODEL/VERSION=WEIGHT ...")
    return arms


def _weight(text: str, *, of: str, parameter: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise ConfigError(f"parameter '{parameter}': '{of}' has weight '{text}', expected a number from 0")
    return weight
