"""Promotion and rollback: which version of a model an ensemble answers with, changed while the server runs.

An ensemble pins a version with `model_version` in a step of its configuration. A promotion loads the ensemble with
another pin. The configuration's parameter `promoted_from` keeps the previous version for a rollback, and `configured`
the version of the ensemble's file.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tritonclient.utils import triton_to_np_dtype

from cronnx._all_servers import Change, change_all, make_all, on_each
from cronnx._errors import InvalidInput, ModelNotFound, NotReady
from cronnx._models import (
    CONFIGURED,
    NEWEST,
    ModelInfo,
    StepInfo,
    TensorInfo,
    model_info,
    model_status,
    parameter,
    steps,
    with_parameters,
)
from cronnx._session import Session
from cronnx._transports.base import InferRequest, Json

_PROMOTED_FROM = "promoted_from"
_PIXELS = "pixels"
_IMAGE_SIDE = 448  # a multiple of 14, 16, 32 and 64, as networks that take images of any size want it


@dataclass(frozen=True, slots=True)
class Promotion:
    """The result of a promotion or a rollback.

    Attributes:
        model_name: The ensemble.
        version: The version of its network that is live.
        previous_version: The version that a rollback makes live; None if there is none.
    """

    model_name: str
    version: str
    previous_version: str | None


async def promote(session: Session, model_name: str, version: str, *, timeout_s: float | None) -> Promotion:
    """See `Client.promote`."""
    if not version:
        raise InvalidInput("model_version: expected the version to promote, got an empty one")

    async def check(server: Session) -> Change[Promotion]:
        config = await server.model_config(model_name)
        live = _pinning_step(config).model_version
        # A version that is live already is promoted all the same: another server of the session may have restarted.
        previous = parameter(config, _PROMOTED_FROM) if version == live else live
        return await promotion(server, config, version, previous=previous, timeout_s=timeout_s)

    return (await change_all(session, check))[0]


async def rollback(session: Session, model_name: str, *, timeout_s: float | None) -> Promotion:
    """See `Client.rollback`."""

    async def read(server: Session) -> tuple[Session, Json]:
        return server, await server.model_config(model_name)

    found = await on_each(session.servers(), read)
    version = _version_before(model_name, [config for _, config in found.values()])

    async def check(server_and_config: tuple[Session, Json]) -> Change[Promotion]:
        # The version left is not kept, so that a rollback that is sent twice does not bring it back.
        return await promotion(*server_and_config, version, previous="", timeout_s=timeout_s)

    return (await make_all(await on_each(found, check)))[0]


def _version_before(model_name: str, configs: Sequence[Json]) -> str:
    """Return the version before the last promotion, the same on all servers that had one."""
    live = ", ".join(sorted({str(_pinning_step(config)) for config in configs}))
    previous = {parameter(config, _PROMOTED_FROM) for config in configs} - {""}
    if len(previous) > 1:
        raise InvalidInput(
            f"{model_name} was promoted from {' and '.join(sorted(previous))} on different servers: promote one of"
            " these versions",
            model_name=model_name,
        )
    if not previous:
        raise InvalidInput(
            f"{model_name} serves {live}, which was not promoted: there is no version to go back to",
            model_name=model_name,
        )
    return previous.pop()


async def promotion(
    server: Session, config: Json, version: str, *, previous: str, timeout_s: float | None
) -> Change[Promotion]:
    """Check that a version answers, and return the change that makes it live on a server."""
    name, wanted = config["name"], StepInfo(_pinning_step(config).model_name, version)
    await _check_loaded(server, wanted)
    await _check_answers(server, wanted, timeout_s=timeout_s)

    async def make() -> Promotion:
        promoted = _with_pinned_version(config, version, promoted_from=previous)
        await server.load_model(name, config=json.dumps(promoted), timeout_s=timeout_s)
        await _check_live(server, name, wanted)
        return Promotion(name, version, previous or None)

    async def undo() -> None:  # if the load has failed, Triton has removed the ensemble
        await server.load_model(name, config=json.dumps(config), timeout_s=timeout_s)

    return Change(make, undo)


async def _check_loaded(session: Session, wanted: StepInfo) -> None:
    index = map(model_status, await session.repository_index())
    versions = {status.version: status for status in index if status.name == wanted.model_name}
    ready = ", ".join(sorted(version for version, status in versions.items() if status.state == "READY"))
    found = versions.get(wanted.model_version)
    if found and found.state == "READY":
        return
    kind = NotReady if found and found.state == "LOADING" else ModelNotFound
    state = f"{found.state} {found.reason}".strip() if found else "not loaded"
    raise kind(f"{wanted} is {state}; versions that are ready: {ready or 'none'}", model_name=wanted.model_name)


async def _check_answers(session: Session, wanted: StepInfo, *, timeout_s: float | None) -> None:
    """Run a version once with zeros, unless an input that is no image may have any size.

    Readiness is not enough: Triton 2.51 reports a model as ready after its backend's process has crashed.
    """
    name, version = wanted.model_name, wanted.model_version
    metadata, config = await asyncio.gather(session.model_metadata(name, version), session.model_config(name, version))
    inputs = _zeros(model_info(metadata, config))
    if inputs is not None:
        await session.infer(InferRequest(name, inputs, None, session.timeout_s(timeout_s), version))


def _zeros(model: ModelInfo) -> dict[str, npt.NDArray[Any]] | None:
    shapes = {tensor.name: _shape(tensor, model) for tensor in model.inputs}
    if any(-1 in shape for shape in shapes.values()):
        return None
    return {tensor.name: _zero(tensor.datatype, shapes[tensor.name]) for tensor in model.inputs}


def _shape(tensor: TensorInfo, model: ModelInfo) -> tuple[int, ...]:
    shape = (1, *tensor.shape[1:]) if model.max_batch_size else tensor.shape
    if tensor.name == _PIXELS:
        return tuple(_IMAGE_SIDE if size == -1 else size for size in shape)
    return shape


def _zero(datatype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    return np.full(shape, b"", dtype=object) if datatype == "BYTES" else np.zeros(shape, triton_to_np_dtype(datatype))


async def _check_live(session: Session, model_name: str, wanted: StepInfo) -> None:
    live = _pinning_step(await session.model_config(model_name))
    if live != wanted:
        raise NotReady(
            f"{model_name} serves {live}, not {wanted}: another promotion or load has replaced it; check, and promote"
            " again",
            model_name=model_name,
        )
    if not await session.is_model_ready(model_name):
        raise NotReady(f"{model_name} is not ready with {wanted}", model_name=model_name)


def _pinning_step(config: Json) -> StepInfo:
    """Return the step that pins a version; several steps may pin the same version of one model."""
    pinned = {step for step in steps(config) if step.model_version != NEWEST}
    if len(pinned) != 1:
        found = " and ".join(sorted(map(str, pinned)))
        raise InvalidInput(
            f"{config['name']}: expected an ensemble whose steps pin one version of one model, and have model_version"
            f" {NEWEST} for the others; got {f'pins of {found}' if found else 'no pin'}",
            model_name=config["name"],
        )
    return pinned.pop()


def _with_pinned_version(config: Json, version: str, *, promoted_from: str) -> dict[str, Any]:
    """Return an ensemble's configuration with another pinned version, and the version for a rollback."""
    scheduling = config["ensemble_scheduling"]
    changed = [
        step if described.model_version == NEWEST else {**step, "model_version": version}
        for step, described in zip(scheduling["step"], steps(config), strict=True)
    ]
    configured = parameter(config, CONFIGURED) or _pinning_step(config).model_version
    # Kept also if it is the version of the file again: scripts/serve tells by it that a promotion was undone.
    parameters = {_PROMOTED_FROM: promoted_from, CONFIGURED: configured}
    return with_parameters({**config, "ensemble_scheduling": {**scheduling, "step": changed}}, **parameters)
