"""The way back from promotions and splits to what the files of the models say."""

from __future__ import annotations

from collections.abc import Sequence

from cronnx._all_servers import Change, change_all
from cronnx._models import CONFIGURED, arm_weights, parameter
from cronnx._promotion import promotion
from cronnx._session import Session
from cronnx._traffic_split import arms_change, router_configs


async def reset(session: Session, model_name: str, *, timeout_s: float | None) -> None:
    """See `Client.reset`."""

    async def check(server: Session) -> Change[object]:
        changes: list[Change[object]] = []
        config = await server.model_config(model_name)
        if "ensemble_scheduling" in config and (version := parameter(config, CONFIGURED)):
            changes.append(await promotion(server, config, version, previous="", timeout_s=timeout_s))
        for router in await router_configs(server, model_name):
            if arms := arm_weights(parameter(router, CONFIGURED)):
                changes.append(await arms_change(server, model_name, router, arms, timeout_s=timeout_s))
        return _in_sequence(changes)

    await change_all(session, check)


def _in_sequence(changes: Sequence[Change[object]]) -> Change[object]:
    async def make() -> None:
        for change in changes:
            await change.make()

    async def undo() -> None:
        for change in changes:
            if change.undo:
                await change.undo()

    return Change(make, undo)
