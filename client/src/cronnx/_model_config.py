"""The configuration that a loaded model serves with."""

from __future__ import annotations

import json
from typing import Any

from cronnx._models import Json
from cronnx._session import Session


async def served_config(session: Session, model_name: str) -> dict[str, Any]:
    """Ask for the configuration of a model that is loaded: that of its file, or what overrides it.

    Raises:
        ModelNotFound: It is not loaded, or there is none of this name.
        CronnxError: There is no answer: the subclass says why.
    """
    config: dict[str, Any] = await session.ask("get_model_config", {"model_name": model_name})
    return config


async def override(session: Session, model_name: str, config: Json, *, timeout_s: float | None = None) -> None:
    """Load a model anew with a configuration in place of its file's, on every server, and wait until it is ready.

    Requests under way and those that come meanwhile are answered by the model as it was. The configuration stays until
    the model is unloaded, its file is newer at a load, or the server ends. See `config` in
    https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md.

    Raises:
        InvalidInput: The server is not started for it.
        ModelNotFound: There is none of this name, or the configuration is one that no model can have.
        ServerFault: The model cannot be loaded so. It serves on as it was, but for an ensemble: that is gone.
        CronnxError: There is no answer: the subclass says why.
    """
    arguments = {"model_name": model_name, "config": json.dumps(config)}
    await session.ask("load_model", arguments, timeout_s=timeout_s)
