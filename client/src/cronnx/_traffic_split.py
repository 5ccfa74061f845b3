"""Traffic splits: how much of an ensemble's traffic each version gets, changed while the server runs.

A split loads the ensemble's router with other arms. The parameter `configured` keeps the arms of the router's file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from cronnx._all_servers import Change, change_all
from cronnx._errors import InvalidInput, NotReady
from cronnx._models import ARMS, CONFIGURED, ROUTER, arm_weights, parameter, steps, with_parameters
from cronnx._session import Session
from cronnx._transports.base import Json


async def split(
    session: Session, model_name: str, weights: Mapping[str, float], *, timeout_s: float | None
) -> dict[str, float]:
    """See `Client.split`."""
    _check_weights(weights)

    async def check(server: Session) -> Change[dict[str, float]]:
        config = await _router_config(server, model_name)
        arms = {_full_name(arm, config): weight for arm, weight in weights.items()}
        return await arms_change(server, model_name, config, arms, timeout_s=timeout_s)

    return (await change_all(session, check))[0]


async def arms_change(
    server: Session, model_name: str, config: Json, arms: dict[str, float], *, timeout_s: float | None
) -> Change[dict[str, float]]:
    """Check that arms are ready, and return the change that gives them to the router of an ensemble.

    Args:
        server: The server to change.
        model_name: The ensemble, or the router.
        config: The router's configuration.
        arms: The weights, by `MODEL/VERSION`.
        timeout_s: The time for each request, in seconds; None for the client's default.
    """
    for arm in arms:
        await _check_ready(server, arm)
    changed = _with_arms(config, arms)

    async def make() -> dict[str, float]:
        await server.load_model(config["name"], config=json.dumps(changed), timeout_s=timeout_s)
        if not await server.is_model_ready(model_name):
            raise NotReady(f"{model_name} is not ready with {parameter(changed, ARMS)}", model_name=model_name)
        return arms

    async def undo() -> None:
        await server.load_model(config["name"], config=json.dumps(config), timeout_s=timeout_s)

    return Change(make, undo)


async def router_configs(server: Session, model_name: str) -> list[Json]:
    """Return the configurations of an ensemble's routers, or of the router itself."""
    config = await server.model_config(model_name)
    configs = [config, *[await server.model_config(step.model_name) for step in steps(config)]]
    return [each for each in configs if each.get("backend") == ROUTER]


async def _router_config(server: Session, model_name: str) -> Json:
    routers = await router_configs(server, model_name)
    if len(routers) != 1:
        raise InvalidInput(
            f"{model_name}: expected an ensemble with one model of the backend '{ROUTER}', or that model itself;"
            f" got {len(routers)} such models",
            model_name=model_name,
        )
    return routers[0]


def _check_weights(weights: Mapping[str, float]) -> None:
    # The router checks them too, but a server on which a load has failed does not exit cleanly.
    for arm, weight in weights.items():
        if not 0 <= weight < math.inf:
            raise InvalidInput(f"weight of {arm}: expected a number of 0 or more, got {weight}")
    if not any(weights.values()):
        raise InvalidInput("weights: expected at least one above 0, got none")


async def _check_ready(server: Session, arm: str) -> None:
    name, _, version = arm.partition("/")
    if not name or not version.isdecimal():
        raise InvalidInput(f"arm: expected a version, or MODEL/VERSION; got '{arm}'")
    if not await server.is_model_ready(name, version):
        raise NotReady(f"{arm} is not ready: load it first", model_name=name)


def _full_name(arm: str, config: Json) -> str:
    """Return an arm as MODEL/VERSION; a version alone is a version of the first arm's model."""
    return arm if "/" in arm else f"{parameter(config, ARMS).split('/')[0].strip()}/{arm}"


def _with_arms(config: Json, arms: Mapping[str, float]) -> Json:
    """Return a router's configuration with other arms."""
    configured = parameter(config, CONFIGURED) or parameter(config, ARMS)
    # In order: the first arm is the stable one.
    is_configured = list(arm_weights(configured).items()) == list(arms.items())
    text = configured if is_configured else " ".join(f"{arm}={weight}" for arm, weight in arms.items())
    # Kept also if the arms are those of the file again: scripts/serve tells by it that a split was undone.
    return with_parameters(config, **{ARMS: text, CONFIGURED: configured})
