"""The version that an ensemble pins, as its configuration says it: which one clients are answered by."""

from __future__ import annotations

from typing import Any

from cronnx._errors import InvalidInput
from cronnx._models import NEWEST, Json, StepInfo, steps

_PROMOTED_FROM = "promoted_from"


def pinning_step(config: Json) -> StepInfo:
    """Give the step of an ensemble that pins a version; where several do, all pin the same version of one model.

    Raises:
        InvalidInput: It pins none or several, or is no ensemble.
    """
    found = {step for step in steps(config) if step.model_version != NEWEST}
    if len(found) != 1:
        pinned = " and ".join(sorted(map(str, found)))
        raise InvalidInput(
            f"{config['name']} pins {pinned or 'no version'}: expected an ensemble whose steps pin one version of one"
            f" model, and have model_version {NEWEST} for the others",
            model_name=config["name"],
        )
    return found.pop()


def promoted_from(config: Json) -> str | None:
    """Name the version that was pinned before a promotion; None where the pinned one was not promoted."""
    parameter = config.get("parameters", {}).get(_PROMOTED_FROM)
    return None if parameter is None else str(parameter["string_value"])


def with_pinned_version(config: Json, version: str, *, promoted_from: str | None) -> dict[str, Any]:
    """Give an ensemble's configuration another pinned version, and the one to go back to."""
    scheduling = config["ensemble_scheduling"]
    changed = [
        step if described.model_version == NEWEST else {**step, "model_version": version}
        for step, described in zip(scheduling["step"], steps(config), strict=True)
    ]
    parameters = {key: value for key, value in config.get("parameters", {}).items() if key != _PROMOTED_FROM}
    if promoted_from is not None:
        parameters[_PROMOTED_FROM] = {"string_value": promoted_from}
    return {**config, "ensemble_scheduling": {**scheduling, "step": changed}, "parameters": parameters}
