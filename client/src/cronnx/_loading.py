"""Loading and unloading models, on every server or on none."""

from __future__ import annotations

import json

from cronnx._all_servers import Change, change_all
from cronnx._errors import InvalidInput, ModelNotFound, NotReady
from cronnx._models import ARMS, ROUTER, arm_weights, check_name, model_status, parameter, steps
from cronnx._session import Session
from cronnx._transports.base import Json

_SHADOW = "shadow"


async def load(session: Session, model_name: str, *, timeout_s: float | None) -> None:
    """See `Client.load`."""
    check_name(model_name)

    async def check(server: Session) -> Change[None]:
        before = await _ready_models(server, model_name)

        async def make() -> None:
            await server.load_model(model_name, timeout_s=timeout_s)
            lost = before - await _ready_models(server, model_name)
            if lost:  # Triton reports success all the same
                raise NotReady(
                    f"loaded, but no longer ready: {', '.join(sorted(lost))}; check that what they need still exists",
                    model_name=model_name,
                )

        async def undo() -> None:
            await server.unload_model(model_name, timeout_s=timeout_s)

        # The files of a model that was loaded before have changed: its former state cannot be loaded.
        return Change(make, undo if model_name not in before else None)

    await change_all(session, check)


async def unload(session: Session, model_name: str, *, timeout_s: float | None) -> None:
    """See `Client.unload`."""
    check_name(model_name)

    async def check(server: Session) -> Change[None]:
        ready = await _ready_models(server, model_name)
        configs = {name: await server.model_config(name) for name in sorted(ready)}
        needed_by = [name for name, config in configs.items() if model_name in _needed_models(config)]
        if needed_by:
            raise InvalidInput(f"needed by {', '.join(needed_by)}: unload that first", model_name=model_name)

        async def make() -> None:
            await server.unload_model(model_name, timeout_s=timeout_s)

        async def undo() -> None:
            if model_name in ready:
                await server.load_model(model_name, config=json.dumps(configs[model_name]), timeout_s=timeout_s)

        return Change(make, undo)

    await change_all(session, check)


async def _ready_models(server: Session, model_name: str) -> set[str]:
    """Return the models with a version that is ready; raise ModelNotFound if the repository has no `model_name`."""
    models = list(map(model_status, await server.repository_index()))
    if model_name not in {model.name for model in models}:  # Triton would report success of an unload
        raise ModelNotFound(f"no model {model_name} is in the server's repository", model_name=model_name)
    return {model.name for model in models if model.state == "READY"}


def _needed_models(config: Json) -> set[str]:
    """Return the models that an ensemble runs or that a router calls."""
    if config.get("backend") != ROUTER:
        return {step.model_name for step in steps(config)}
    arms = [*arm_weights(parameter(config, ARMS)), parameter(config, _SHADOW)]
    return {arm.partition("/")[0] for arm in arms}
