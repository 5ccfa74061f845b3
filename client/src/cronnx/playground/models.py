"""The models of a server, as the page lists them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cronnx import AsyncClient, InvalidInput, ModelNotFound, ModelStatistics, ModelStatus, NotReady
from cronnx._models import ARMS, NEWEST, ROUTER, arm_weights, parameter, steps
from cronnx._tasks import task_of
from cronnx._transports.base import Json

_STATES = ("READY", "LOADING", "UNLOADING", "UNAVAILABLE", "")  # a model has the first that one of its versions has


async def model_index(client: AsyncClient, loaded: Iterable[ModelStatistics]) -> tuple[list[ModelStatus], bool]:
    """Return every version in the repository, and whether the server keeps those that are not loaded for a key.

    Args:
        client: The client, with the caller's key if there is one.
        loaded: The statistics of the loaded versions, which every caller may read.
    """
    try:
        return await client.models(), False
    except InvalidInput:  # the server, or a proxy in front of it, refuses the list
        return [ModelStatus(each.name, each.version, "READY", "") for each in loaded], True


async def model_configs(client: AsyncClient, names: Iterable[str]) -> dict[str, Json]:
    """Return the configurations of loaded models by name, without those that have been unloaded since."""

    async def config(name: str) -> Json | None:
        try:
            return await client._session.model_config(name)
        except (ModelNotFound, NotReady):
            return None

    wanted = sorted(set(names))
    found = await asyncio.gather(*map(config, wanted))
    return {name: each for name, each in zip(wanted, found, strict=True) if each is not None}


def image_task(config: Json) -> str:
    """Return the task of a model that takes images; empty for any other model."""
    takes_images = any(tensor["name"] == "image" for tensor in config.get("input", ()))
    return task_of(config) if takes_images else ""


def models_json(
    index: Iterable[ModelStatus], configs: Mapping[str, Json], rates: Mapping[tuple[str, str], float]
) -> list[dict[str, Any]]:
    """Return the models of a server as JSON types, by name.

    Args:
        index: Every version in the repository.
        configs: The configurations of the loaded models.
        rates: The requests a second, by name and version.
    """
    versions: dict[str, list[ModelStatus]] = defaultdict(list)
    for each in index:
        versions[each.name].append(each)
    return [_model_json(name, versions, configs, rates) for name in sorted(versions)]


def _model_json(
    name: str,
    versions: Mapping[str, Sequence[ModelStatus]],
    configs: Mapping[str, Json],
    rates: Mapping[tuple[str, str], float],
) -> dict[str, Any]:
    state = min(versions[name], key=lambda each: _STATES.index(each.state) if each.state in _STATES else len(_STATES))
    config = configs.get(name, {})
    pins = {step for step in steps(config) if step.model_version != NEWEST}
    pin = pins.pop() if len(pins) == 1 else None
    return {
        "name": name,
        "task": image_task(config),
        "state": state.state,
        "reason": state.reason,
        "versions": _ready(versions.get(pin.model_name if pin else name, ())),
        "live_version": pin.model_version if pin else None,
        "split": _split(config, configs),
        "network": pin.model_name if pin else None,
        "steps": [step.model_name for step in steps(config)],
        "requests_per_s": sum(rate for (model, _), rate in rates.items() if model == name),
    }


def _ready(versions: Iterable[ModelStatus]) -> list[str]:
    ready = [each.version for each in versions if each.state == "READY"]
    return sorted(ready, key=lambda version: (len(version), version))  # 2 before 10


def _split(config: Json, configs: Mapping[str, Json]) -> dict[str, float] | None:
    """Return the shares of an ensemble's router, or of the router itself, by MODEL/VERSION; None without a router."""
    described = [config, *(configs.get(step.model_name, {}) for step in steps(config))]
    router = next((each for each in described if each.get("backend") == ROUTER), None)
    if router is None:
        return None
    weights = arm_weights(parameter(router, ARMS))
    return {arm: weight / sum(weights.values()) for arm, weight in weights.items()}
