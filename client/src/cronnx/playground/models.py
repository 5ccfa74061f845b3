"""The models of a server, as the page lists them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cronnx import AsyncClient, CronnxError, InvalidInput, ModelInfo, ModelStatistics, ModelStatus
from cronnx._models import NEWEST

_ORDER = ("READY", "LOADING", "UNLOADING", "UNAVAILABLE", "")  # the state of a model is the first that a version has


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


async def described(client: AsyncClient, index: Iterable[ModelStatus]) -> dict[str, ModelInfo]:
    """Return what each ready model says of itself."""
    names = sorted({each.name for each in index if each.state == "READY"})
    found = await asyncio.gather(*map(client.model, names), return_exceptions=True)
    for error in found:
        if isinstance(error, BaseException) and not isinstance(error, CronnxError):
            raise error
    return {name: info for name, info in zip(names, found, strict=True) if isinstance(info, ModelInfo)}


def models_json(
    index: Sequence[ModelStatus], infos: Mapping[str, ModelInfo], rates: Mapping[tuple[str, str], float]
) -> list[dict[str, Any]]:
    """Return the models of a server as JSON types, by name."""
    versions: dict[str, list[ModelStatus]] = defaultdict(list)
    for each in index:
        versions[each.name].append(each)
    return [_model_json(name, versions, infos, rates) for name in sorted(versions)]


def _model_json(
    name: str,
    versions: Mapping[str, Sequence[ModelStatus]],
    infos: Mapping[str, ModelInfo],
    rates: Mapping[tuple[str, str], float],
) -> dict[str, Any]:
    state = min(versions[name], key=lambda each: _ORDER.index(each.state) if each.state in _ORDER else len(_ORDER))
    info = infos.get(name)
    pinned = {step for step in info.steps if step.model_version != NEWEST} if info else set()
    pin = pinned.pop() if len(pinned) == 1 else None
    network = pin.model_name if pin else None
    return {
        "name": name,
        "task": info.task if info else "",
        "state": state.state,
        "reason": state.reason,
        "versions": _ready(versions.get(network or name, ())),
        "live_version": pin.model_version if pin else None,
        "split": _split(info, infos),
        "network": network,
        "steps": [step.model_name for step in info.steps] if info else [],
        "requests_per_s": sum(rate for (model, _), rate in rates.items() if model == name),
    }


def _ready(versions: Iterable[ModelStatus]) -> list[str]:
    return sorted(
        (each.version for each in versions if each.state == "READY"), key=lambda version: (len(version), version)
    )


def _split(info: ModelInfo | None, infos: Mapping[str, ModelInfo]) -> dict[str, float] | None:
    """Return the shares of an ensemble's router, or of the router itself, by MODEL/VERSION; None without a router."""
    if info is None:
        return None
    described = [info, *(infos[step.model_name] for step in info.steps if step.model_name in infos)]
    weights = next((each.arms for each in described if each.arms), None)
    total = sum(weights.values()) if weights else 0
    return {arm: weight / total for arm, weight in weights.items()} if weights and total else None
