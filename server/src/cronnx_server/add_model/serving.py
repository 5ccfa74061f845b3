"""The addition in a running server: loaded, and asked once."""

from __future__ import annotations

import os

from cronnx import Client, CronnxError
from cronnx_server import progress
from cronnx_server.add_model import proof
from cronnx_server.add_model.addition import Addition
from cronnx_server.add_model.placement import Placement
from cronnx_server.errors import KeyFileError, SetupError
from cronnx_server.key import read_key
from cronnx_server.serve import first_answer

LOAD_TIMEOUT_S = 600.0


def is_live(url: str) -> bool:
    """Whether a server answers."""
    with Client(url) as client:
        return client.is_server_live()


def serve(url: str, addition: Addition, placed: Placement) -> str:
    """Load an addition into the server at `url` and ask it; the answer and how to ask again, as text.

    Raises:
        SetupError: the server does not serve it, and it is taken back; or has other repositories, and it stays.
    """
    progress.step(f"Loading {addition.model_name} into {url}")
    with Client(url, key=_key()) as client:
        try:
            known = addition.model_name in {status.name for status in client.models()}
            if known:
                client.load(addition.model_name, timeout_s=LOAD_TIMEOUT_S)
                return _asked(client, url, addition)
        except CronnxError as error:
            placed.withdraw()
            reason = " ".join(str(error).split())
            raise SetupError(f"nothing is added: {url} does not serve it: {reason}") from error
    raise SetupError(f"it is added, but {url} serves other repositories: start one of these with scripts/serve")


def _key() -> str | None:
    try:
        return read_key(os.environ) or None
    except KeyFileError as error:
        raise SetupError(str(error)) from error


def _asked(client: Client, url: str, addition: Addition) -> str:
    if addition.is_live:
        return f"{first_answer.classified(client, addition.ensemble)}\n\n{first_answer.curl(url, addition.ensemble)}"
    if addition.proof is None:
        return f"{addition.model_name} is ready: {url}/v2/models/{addition.model_name}"
    version = str(addition.version)
    outputs = client.infer(addition.model_name, {"pixels": addition.proof.pixels}, model_version=version)
    return proof.described(outputs, how=f"at {url}")
