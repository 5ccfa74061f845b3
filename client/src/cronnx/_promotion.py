"""Promotion: the version that clients are answered by, changed while the server answers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from cronnx._errors import CronnxError, InvalidInput, ModelNotFound, NotReady, ServerFault
from cronnx._model_config import override, served_config
from cronnx._models import Json, StepInfo, model_status
from cronnx._pinned_version import pinning_step, promoted_from, with_pinned_version
from cronnx._session import Session
from cronnx._trial import try_out


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion or a rollback came to.

    Attributes:
        model_name: The ensemble.
        version: The version of its classifier that is live.
        previous_version: The version that a rollback makes live; None where there is none to go back to.
    """

    model_name: str
    version: str
    previous_version: str | None


async def promote(session: Session, model_name: str, version: str, *, timeout_s: float | None) -> Promotion:
    """See `Client.promote`."""
    if not version:
        raise InvalidInput("model_version is empty, expected the version to promote")
    config = await served_config(session, model_name)
    live = pinning_step(config).model_version
    # Also where it is live already: another server of the session may have been started anew since.
    previous = promoted_from(config) if version == live else live
    return await _make_live(session, config, version, previous=previous, timeout_s=timeout_s)


async def rollback(session: Session, model_name: str, *, timeout_s: float | None) -> Promotion:
    """See `Client.rollback`."""
    config = await served_config(session, model_name)
    live, previous = pinning_step(config), promoted_from(config)
    if previous is None:
        raise InvalidInput(
            f"{model_name} serves {live}, which was not promoted: there is no version to go back to",
            model_name=model_name,
        )
    # Not the version left: a rollback that is sent twice must not bring it back.
    return await _make_live(session, config, previous, previous=None, timeout_s=timeout_s)


async def _make_live(
    session: Session, config: Json, version: str, *, previous: str | None, timeout_s: float | None
) -> Promotion:
    name, wanted = config["name"], StepInfo(pinning_step(config).model_name, version)
    await _check_loaded(session, wanted)
    await try_out(session, wanted.model_name, version, timeout_s=timeout_s)
    try:
        await override(session, name, with_pinned_version(config, version, promoted_from=previous), timeout_s=timeout_s)
    except ServerFault:
        with suppress(CronnxError):
            await override(session, name, config, timeout_s=timeout_s)  # Triton has taken the ensemble away
        raise
    await _check_live(session, name, wanted)
    return Promotion(name, version, previous)


async def _check_loaded(session: Session, wanted: StepInfo) -> None:
    index = map(model_status, await session.ask("get_model_repository_index"))
    versions = {status.version: status for status in index if status.name == wanted.model_name}
    loaded = ", ".join(sorted(version for version, status in versions.items() if status.state == "READY"))
    found = versions.get(wanted.model_version)
    if found and found.state == "READY":
        return
    kind = NotReady if found and found.state == "LOADING" else ModelNotFound
    state = f"{found.state} {found.reason}".strip() if found else "not loaded"
    raise kind(f"{wanted} is {state}; ready are versions {loaded or 'none'}", model_name=wanted.model_name)


async def _check_live(session: Session, model_name: str, wanted: StepInfo) -> None:
    live = pinning_step(await served_config(session, model_name))
    if live != wanted:
        raise NotReady(
            f"{model_name} serves {live}, not {wanted}: another promotion, or a load, came between",
            model_name=model_name,
        )
    if not await session.is_yes("is_model_ready", {"model_name": model_name}):
        raise NotReady(f"{model_name} is not ready with {wanted}", model_name=model_name)
