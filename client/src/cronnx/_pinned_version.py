"""The version that an ensemble pins, as its configuration says it: which one clients are answered by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cronnx._errors import InvalidInput
from cronnx._models import Json

_NEWEST = "-1"
_PROMOTED_FROM = "promoted_from"


@dataclass(frozen=True, slots=True)
class PinnedVersion:
    """The version of a model that the steps of an ensemble pin.

    Attributes:
        model_name: The model of the steps.
        version: The version, never -1, which is the newest.
    """

    model_name: str
    version: str

    def __str__(self) -> str:
        return f"{self.model_name}/{self.version}"


def pinned_versions(config: Json) -> list[PinnedVersion]:
    """Name what an ensemble pins, each once; nothing for any other model."""
    return list(dict.fromkeys(PinnedVersion(step["model_name"], _version(step)) for step in _pinning_steps(config)))


def pinned_version(config: Json) -> PinnedVersion:
    """Name the one version that an ensemble pins.

    Raises:
        InvalidInput: It pins none or several, or is no ensemble.
    """
    found = pinned_versions(config)
    if len(found) != 1:
        what = f"pins {' and '.join(map(str, found))}" if found else "pins none"
        raise InvalidInput(
            f"{config['name']} {what}: expected an ensemble whose steps pin one version of one model, and have"
            f" model_version {_NEWEST} for the others",
            model_name=config["name"],
        )
    return found[0]


def promoted_from(config: Json) -> str | None:
    """Name the version that was pinned before a promotion; None where the pinned one was not promoted."""
    parameter = config.get("parameters", {}).get(_PROMOTED_FROM)
    return None if parameter is None else str(parameter["string_value"])


def with_pinned_version(config: Json, version: str, *, promoted_from: str | None) -> dict[str, Any]:
    """Give an ensemble's configuration another pinned version, and the one to go back to."""
    steps = [dict(step) for step in config["ensemble_scheduling"]["step"]]
    parameters = {key: value for key, value in config.get("parameters", {}).items() if key != _PROMOTED_FROM}
    changed = {**config, "ensemble_scheduling": {**config["ensemble_scheduling"], "step": steps}}
    for step in _pinning_steps(changed):
        step["model_version"] = version
    if promoted_from is not None:
        parameters[_PROMOTED_FROM] = {"string_value": promoted_from}
    return {**changed, "parameters": parameters}


def _pinning_steps(config: Json) -> Iterator[dict[str, Any]]:
    steps = config.get("ensemble_scheduling", {}).get("step", ())
    return (step for step in steps if _version(step) != _NEWEST)


def _version(step: Json) -> str:
    return str(step.get("model_version", _NEWEST))  # gRPC gives 64-bit integers as text
