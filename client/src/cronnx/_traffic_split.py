"""Traffic splits: how much of an ensemble's traffic goes to which version, changed while the server answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cronnx._errors import InvalidInput, NotReady
from cronnx._model_config import override, served_config
from cronnx._models import Json, steps
from cronnx._session import Session

_BACKEND, _PARAMETER = "router", "arms"


async def split(
    session: Session, model_name: str, weights: Mapping[str, float], *, timeout_s: float | None
) -> dict[str, float]:
    """See `Client.split`."""
    _check_weights(weights)
    config = await _router_config(session, model_name)
    arms = {_whole_name(arm, config): weight for arm, weight in weights.items()}
    for arm in arms:
        await _check_ready(session, arm)
    text = " ".join(f"{arm}={weight}" for arm, weight in arms.items())
    parameters = {**config["parameters"], _PARAMETER: {"string_value": text}}
    await override(session, config["name"], {**config, "parameters": parameters}, timeout_s=timeout_s)
    if not await session.is_yes("is_model_ready", {"model_name": model_name}):
        raise NotReady(f"{model_name} is not ready with {text}", model_name=model_name)
    return arms


def _check_weights(weights: Mapping[str, float]) -> None:
    # The router would refuse them too, but a server on which a load has failed does not end cleanly any more.
    for arm, weight in weights.items():
        if not 0 <= weight < math.inf:
            raise InvalidInput(f"{arm} has weight {weight}, expected a number from 0")
    if not any(weights.values()):
        raise InvalidInput("no arm has a weight above 0, expected one at least")


async def _check_ready(session: Session, arm: str) -> None:
    name, _, version = arm.partition("/")
    if not name or not version.isdecimal():
        raise InvalidInput(f"'{arm}' is no arm, expected a version, or MODEL/VERSION")
    if not await session.is_yes("is_model_ready", {"model_name": name, "model_version": version}):
        raise NotReady(f"{arm} is not ready: load it first", model_name=name)


async def _router_config(session: Session, model_name: str) -> dict[str, Any]:
    config = await served_config(session, model_name)
    described = [config, *[await served_config(session, step.model_name) for step in steps(config)]]
    routers = [each for each in described if each.get("backend") == _BACKEND]
    if len(routers) != 1:
        raise InvalidInput(
            f"{model_name} has {len(routers)} models of the backend '{_BACKEND}', expected an ensemble with one, or"
            " the model itself",
            model_name=model_name,
        )
    return routers[0]


def _whole_name(arm: str, config: Json) -> str:
    """An arm as the router spells it; a version alone is one of the first arm's model."""
    return arm if "/" in arm else f"{config['parameters'][_PARAMETER]['string_value'].split('/')[0].strip()}/{arm}"
