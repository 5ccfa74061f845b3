"""Traffic splits: how much of an ensemble's traffic each version gets, changed while the server runs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from cronnx._errors import InvalidInput, NotReady
from cronnx._models import steps
from cronnx._session import Session
from cronnx._transports.base import Json

_BACKEND, _PARAMETER = "router", "arms"


async def split(
    session: Session, model_name: str, weights: Mapping[str, float], *, timeout_s: float | None
) -> dict[str, float]:
    """See `Client.split`."""
    _check_weights(weights)
    config = await _router_config(session, model_name)
    arms = {_full_name(arm, config): weight for arm, weight in weights.items()}
    for arm in arms:
        await _check_ready(session, arm)
    text = " ".join(f"{arm}={weight}" for arm, weight in arms.items())
    parameters = {**config["parameters"], _PARAMETER: {"string_value": text}}
    changed = json.dumps({**config, "parameters": parameters})
    await session.load_model(config["name"], config=changed, timeout_s=timeout_s)
    if not await session.is_model_ready(model_name):
        raise NotReady(f"{model_name} is not ready with {text}", model_name=model_name)
    return arms


def _check_weights(weights: Mapping[str, float]) -> None:
    # The router checks them too, but a server on which a load has failed does not exit cleanly.
    for arm, weight in weights.items():
        if not 0 <= weight < math.inf:
            raise InvalidInput(f"weight of {arm}: expected a number of 0 or more, got {weight}")
    if not any(weights.values()):
        raise InvalidInput("weights: expected at least one above 0, got none")


async def _check_ready(session: Session, arm: str) -> None:
    name, _, version = arm.partition("/")
    if not name or not version.isdecimal():
        raise InvalidInput(f"arm: expected a version, or MODEL/VERSION; got '{arm}'")
    if not await session.is_model_ready(name, version):
        raise NotReady(f"{arm} is not ready: load it first", model_name=name)


async def _router_config(session: Session, model_name: str) -> Json:
    config = await session.model_config(model_name)
    configs = [config, *[await session.model_config(step.model_name) for step in steps(config)]]
    routers = [each for each in configs if each.get("backend") == _BACKEND]
    if len(routers) != 1:
        raise InvalidInput(
            f"{model_name}: expected an ensemble with one model of the backend '{_BACKEND}', or that model itself;"
            f" got {len(routers)} such models",
            model_name=model_name,
        )
    return routers[0]


def _full_name(arm: str, config: Json) -> str:
    """Return an arm as MODEL/VERSION; a version alone is a version of the first arm's model."""
    return arm if "/" in arm else f"{config['parameters'][_PARAMETER]['string_value'].split('/')[0].strip()}/{arm}"
